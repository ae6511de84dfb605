//! Folders that are to be there without a file in them, in requests that the server takes: bounded by count and by bytes.

use cairn_shared::limits::{FOLDER_JSON_BYTES_MAX, FOLDER_PATHS_MAX};
use cairn_shared::{Name, RelPath};

/// What a request has beside names and paths, in bytes of JSON, and more than that.
const FRAME_BYTES: usize = 256;

/// Puts paths into pages, each of which fits into one request beside the folder's name.
pub(super) fn pages(name: &Name, paths: impl IntoIterator<Item = RelPath>) -> Vec<Vec<RelPath>> {
    let room = FOLDER_JSON_BYTES_MAX.saturating_sub(FRAME_BYTES + json_bytes(name.as_str()));
    let (mut pages, mut page, mut bytes) = (Vec::new(), Vec::new(), 0);
    for path in paths {
        let more = json_bytes(path.as_str());
        if !page.is_empty() && (page.len() == FOLDER_PATHS_MAX || bytes + more > room) {
            pages.push(std::mem::take(&mut page));
            bytes = 0;
        }
        bytes += more;
        page.push(path);
    }
    if !page.is_empty() {
        pages.push(page);
    }
    pages
}

/// The two halves of a page.
pub(super) fn halves(mut page: Vec<RelPath>) -> (Vec<RelPath>, Vec<RelPath>) {
    let second = page.split_off(page.len() / 2);
    (page, second)
}

/// A text in JSON with its quotes and a comma, in bytes: at most six for what is spelled out.
fn json_bytes(text: &str) -> usize {
    let extra = |byte: u8| match byte {
        b'"' | b'\\' => 1,
        0..=0x1f => 5,
        _ => 0,
    };
    text.len() + text.bytes().map(extra).sum::<usize>() + 3
}

#[cfg(test)]
mod tests {
    use cairn_shared::ClientKey;
    use cairn_shared::limits::PATH_BYTES_MAX;
    use cairn_shared::message::FolderRequest;

    use super::*;

    fn body(page: &[RelPath]) -> usize {
        let request = FolderRequest {
            name: "\"n\"".parse().unwrap(),
            key: Some(ClientKey::new([255; 16])),
            folders: page.to_vec(),
            link: Some(false),
        };
        serde_json::to_vec(&request).unwrap().len()
    }

    fn check(paths: &[RelPath]) -> usize {
        let pages = pages(&"\"n\"".parse().unwrap(), paths.to_vec());
        for page in &pages {
            assert!(page.len() <= FOLDER_PATHS_MAX && body(page) <= FOLDER_JSON_BYTES_MAX);
        }
        assert_eq!(pages.concat(), paths, "all of them, in their order");
        pages.len()
    }

    #[test]
    fn no_page_is_longer_than_the_server_takes() {
        let short: Vec<RelPath> = (0..2_500).map(|number| format!("a/{number}").parse().unwrap()).collect();
        assert_eq!(check(&short), 3);
        // A thousand below three names of 180 characters.
        let deep = ["ä".repeat(90), "b".repeat(180), "\"".repeat(180)].join("/");
        let deep: Vec<RelPath> =
            (0..1_000).map(|number| format!("{deep}/{number}").parse().unwrap()).collect();
        assert_eq!(check(&deep), 2);
        let long = |number: usize| {
            let part = "\\".repeat(254);
            let path = vec![part; PATH_BYTES_MAX / 255 - 1].join("/");
            format!("{path}/{number}").parse().unwrap()
        };
        let longest: Vec<RelPath> = (0..200).map(long).collect();
        assert!(check(&longest) > 2);
        assert_eq!(check(&[]), 0);
    }

    #[test]
    fn two_halves_are_the_page() {
        let page: Vec<RelPath> = ["a", "b", "c"].map(|path| path.parse().unwrap()).into();
        let (first, second) = halves(page.clone());
        assert!(!first.is_empty() && !second.is_empty());
        assert_eq!([first, second].concat(), page);
    }
}
