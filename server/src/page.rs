//! The page inside the binary, and how it is served.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};

/// One file of the built page: its name and bytes.
type PageFile = (&'static str, &'static [u8]);

include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// TRUST 4.2, row "app pages".
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
                      img-src 'self' blob: data:; style-src 'self'; manifest-src 'self'; worker-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The folder to serve the page from: `given`, or the binary's own, written below `data` unless it is there.
pub(crate) fn folder(data: &Path, given: Option<&Path>) -> io::Result<Option<PathBuf>> {
    if let Some(given) = given {
        let index = given.join("index.html");
        if !index.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("--page: there is no {}", index.display()),
            ));
        }
        return Ok(Some(given.to_owned()));
    }
    if PAGE_FILES.is_empty() {
        return Ok(None);
    }
    let parent = data.join("page");
    let folder = parent.join(PAGE_BUILD);
    if !folder.is_dir() {
        write(&parent, &folder)?;
    }
    Ok(Some(folder))
}

/// Writes aside and renames, so that a folder under its final name is whole. Older builds go.
fn write(parent: &Path, folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(parent) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let fresh = parent.join("new");
    for (name, bytes) in PAGE_FILES {
        let path = fresh.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    fs::rename(fresh, folder)
}

/// Serves the page's files, precompressed ones where the browser takes them.
pub(crate) fn service(folder: &Path) -> actix_files::Files {
    actix_files::Files::new("/", folder).index_file("index.html").try_compressed().prefer_utf8(true)
}

/// What the page answers with beside its bytes. Names with a hash in them never change; all others are asked
/// for again each time, worker files among them.
pub(crate) fn dress<B>(response: &mut ServiceResponse<B>) {
    let path = response.request().path().to_owned();
    if !response.status().is_success() && response.status() != actix_web::http::StatusCode::NOT_MODIFIED {
        return;
    }
    let cache = if is_hashed(&path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
}

/// Whether a file's name carries the 16 hexadecimal digits that the page's builder puts there.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(['-', '.', '_'])
        .any(|word| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What stands at `/` in a binary that was built without the page.
pub(crate) async fn absent() -> &'static str {
    "This binary was built without its page. `cargo xtask serve` builds both; `cairn serve --page DIR` serves another.\n"
}
