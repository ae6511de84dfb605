//! A name that keeps its ending, however little room there is.

use leptos::prelude::*;

/// Shorter names are never cut.
const LONG: usize = 16;
/// How much of the end stays, in characters.
const TAIL: std::ops::RangeInclusive<usize> = 5..=8;

/// A name as people read it. What is cut is the middle; screen readers, and who points at it, get all.
#[component]
pub fn FileName(name: String) -> impl IntoView {
    let parts = split(&name).map(|(head, tail)| (head.to_owned(), tail.to_owned()));
    let title = name.clone();
    view! {
        <span class="row-name" title=title dir="auto">
            {match parts {
                None => name.into_any(),
                Some((head, tail)) => {
                    view! {
                        <span class="visually-hidden">{name}</span>
                        <span class="name-head" aria-hidden="true">{head}</span>
                        <span class="name-tail" aria-hidden="true">{tail}</span>
                    }
                        .into_any()
                }
            }}
        </span>
    }
}

/// What may be cut, and what stays: the ending with a little before it. Only before an ASCII character, so that no letter
/// loses its marks.
fn split(name: &str) -> Option<(&str, &str)> {
    if name.chars().count() <= LONG {
        return None;
    }
    let from_end = name.char_indices().rev().enumerate().map(|(at, (index, c))| (at + 1, index, c));
    let fits = from_end.filter(|(count, _, c)| TAIL.contains(count) && c.is_ascii_graphic());
    fits.last().map(|(_, index, _)| name.split_at(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn a_long_name_keeps_its_ending() {
        assert_eq!(split("short.txt"), None);
        let long = format!("{}-second half.tar.gz", "a".repeat(60));
        assert_eq!(split(&long).unwrap().1, "f.tar.gz");
        let (head, tail) = split("गर्मियों की छुट्टियों की तस्वीरें.jpeg").unwrap();
        assert_eq!((tail, head.is_empty()), (".jpeg", false));
        assert_eq!(split(&"文".repeat(40)), None, "there is nowhere to cut it");
    }
}
