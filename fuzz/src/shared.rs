//! What must hold of everything that `cairn-shared` parses, whatever bytes it is given.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use cairn_shared::limits::{MEDIA_TYPE_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, PATH_PARTS_MAX};
use cairn_shared::manifest::ManifestHasher;
use cairn_shared::message::{
    BatchCheck, BatchFinish, BatchRequest, CheckRequest, FinishRequest, FolderRequest, ShareRequest,
    StartRequest,
};
use cairn_shared::{
    Bearer, BlobDigest, ChunkDigest, ChunkRule, ClientKey, FileId, FolderId, HandOver, LinkId, LinkToken,
    Manifest, ManifestDigest, MediaType, Name, OwnerId, Ranges, RelPath, Row, SessionId, name,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// The name of a corpus, and what must hold of each of its files.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("id", id),
    ("digest", digest),
    ("secret", secret),
    ("name", name),
    ("path", path),
    ("media_type", media_type),
    ("rule", rule),
    ("hand_over", hand_over),
    ("ranges", ranges),
    ("manifest", manifest),
    ("request_start", request::<StartRequest>),
    ("request_check", request::<CheckRequest>),
    ("request_finish", request::<FinishRequest>),
    ("request_folder", request::<FolderRequest>),
    ("request_share", request::<ShareRequest>),
    ("request_batch_start", request::<BatchRequest<Vec<StartRequest>>>),
    ("request_batch_check", request::<BatchRequest<Vec<BatchCheck>>>),
    ("request_batch_finish", request::<BatchRequest<Vec<BatchFinish>>>),
];

/// One thing has one id.
pub fn id(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    exact::<SessionId>(text);
    exact::<OwnerId>(text);
    exact::<FileId>(text);
    exact::<FolderId>(text);
    exact::<LinkId>(text);
    exact::<ClientKey>(text);
}

/// A digest has one text.
pub fn digest(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    exact::<ChunkDigest>(text);
    exact::<BlobDigest>(text);
    exact::<ManifestDigest>(text);
    if let Ok(digest) = text.parse::<ChunkDigest>() {
        assert!(text.starts_with(&digest.short()));
    }
}

/// A secret has one text, which `Debug` never shows.
pub fn secret(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    exact::<Bearer>(text);
    exact::<LinkToken>(text);
    if let Ok(bearer) = text.parse::<Bearer>() {
        assert_eq!(format!("{bearer:?}"), format!("Bearer({}...)", &text[..4]));
    }
}

/// A name is kept as it was sent, is no path, and hides nothing once it is made visible.
pub fn name(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    assert!(!name::visible(text).contains(hides));
    exact::<Name>(text);
    if let Ok(name) = text.parse::<Name>() {
        assert!(!text.is_empty() && text.len() <= NAME_BYTES_MAX);
        assert!(text != "." && text != ".." && !text.contains(['/', '\0']));
        assert_eq!(name.visible(), name::visible(text));
        assert!(text.parse::<RelPath>().is_ok(), "a name is a path of one part");
    }
}

/// A path is kept as it was sent, and is made of names.
pub fn path(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    exact::<RelPath>(text);
    if let Ok(path) = text.parse::<RelPath>() {
        assert!(text.len() <= PATH_BYTES_MAX && path.parts().count() <= PATH_PARTS_MAX);
        assert!(path.parts().all(|part| part.parse::<Name>().is_ok()));
        assert_eq!(path.parts().collect::<Vec<_>>().join("/"), text);
        assert_eq!(path.ancestors().count() + 1, path.parts().count());
        assert!(path.ancestors().all(|above| above.as_str().parse().as_ref() == Ok(&above)));
    }
}

/// A media type loses its parameters once, and can stand in a header.
pub fn media_type(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(kind) = text.parse::<MediaType>() else { return };
    exact::<MediaType>(kind.as_str());
    assert!(kind.as_str().len() <= MEDIA_TYPE_BYTES_MAX);
    assert!(kind.as_str().bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\;,<>".contains(&byte)));
    assert_eq!(kind.as_str().matches('/').count(), 1);
}

/// What is handed over comes back as it went.
pub fn hand_over(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(handed) = text.parse::<HandOver>() {
        assert!(matches!(handed.key, Bearer::Session(_)));
        let fragment = handed.fragment();
        assert!(HandOver::is_meant(&fragment) && fragment.is_ascii());
        assert_eq!(fragment.parse(), Ok(handed));
    }
}

/// A rule has one name.
pub fn rule(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    exact::<ChunkRule>(text);
    if let Ok(rule) = text.parse::<ChunkRule>() {
        assert!(rule.length_max() > 0);
    }
}

/// Ranges from the wire are ascending and disjoint, as those that were pushed.
pub fn ranges(bytes: &[u8]) {
    let Some(ranges) = reads_back::<Ranges>(bytes) else { return };
    let pairs = ranges.pairs();
    assert!(pairs.iter().all(|(first, end)| first < end));
    assert!(pairs.windows(2).all(|two| two[0].1 < two[1].0));
    assert_eq!(ranges.is_empty(), pairs.is_empty());
    assert!(ranges.count() <= u64::from(ranges.end()));
    for &(first, end) in pairs {
        assert!(ranges.contains(first) && ranges.contains(end - 1) && !ranges.contains(end));
    }
    let mut pushed = Ranges::default();
    pairs.iter().for_each(|&(first, end)| pushed.push_range(first, end));
    assert_eq!(pushed, ranges);
}

/// A rule's name in the first line, rows in JSON behind it: the digest is the SHA-256 of the canonical bytes.
pub fn manifest(bytes: &[u8]) {
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let rule = str::from_utf8(&bytes[..at]).ok().and_then(|text| text.parse::<ChunkRule>().ok());
    let (Some(rule), Some(rows)) = (rule, reads_back::<Vec<Row>>(&bytes[at + 1..])) else { return };
    let mut canonical = format!("cairn-manifest/1\n{rule}\n").into_bytes();
    let mut hasher = ManifestHasher::new(rule);
    let mut size = 0;
    for row in &rows {
        canonical.extend_from_slice(row.digest.as_bytes());
        canonical.extend_from_slice(&row.length.to_be_bytes());
        hasher.push(row);
        size += u64::from(row.length);
    }
    let manifest = Manifest { rule, rows };
    assert_eq!(manifest.size(), size);
    assert_eq!(manifest.digest().as_bytes()[..], Sha256::digest(canonical)[..]);
    assert_eq!(manifest.digest(), hasher.finish());
}

/// A body that is read says the same once it is written and read again.
pub fn request<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    reads_back::<T>(bytes);
}

/// What is parsed prints as it was, on the wire too; and what is no such text is none on the wire.
fn exact<T>(text: &str)
where
    T: FromStr<Err: Debug> + Display + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let wire = serde_json::Value::from(text);
    let read = serde_json::from_value::<T>(wire.clone()).ok();
    let parsed = text.parse::<T>().ok();
    assert_eq!(read, parsed);
    if let Some(value) = parsed {
        assert_eq!(value.to_string(), text);
        assert_eq!(serde_json::to_value(&value).ok(), Some(wire));
    }
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let value = serde_json::from_slice::<T>(bytes).ok()?;
    let again = serde_json::to_vec(&value).and_then(|bytes| serde_json::from_slice::<T>(&bytes));
    assert_eq!(again.ok().as_ref(), Some(&value));
    Some(value)
}

fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}')
        || matches!(c, '\u{2066}'..='\u{2069}' | '\u{3164}' | '\u{FFF9}'..='\u{FFFB}')
}
