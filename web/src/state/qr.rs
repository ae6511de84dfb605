//! QR codes.

use qrcodegen::{QrCode, QrCodeEcc};

/// White around the code, in modules (ISO/IEC 18004, quiet zone).
const QUIET: i32 = 4;

/// A drawing: the side of its square, white border included, and the path of its dark modules. Nothing for a text that is
/// too long.
pub fn draw(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let size = code.size();
    let cells = (0..size).flat_map(|y| (0..size).map(move |x| (x, y)));
    let dark = cells.filter(|(x, y)| code.get_module(*x, *y));
    let path = dark.map(|(x, y)| format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET)).collect();
    Some((size + 2 * QUIET, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn a_link_fits_and_a_book_does_not() {
        let (side, path) = draw("https://cairn.example/#session=0").unwrap();
        assert!(side >= 29 && path.starts_with("M4 4h1v1h-1z"), "{side} {path}");
        assert_eq!(draw(&"x".repeat(10_000)), None);
    }
}
