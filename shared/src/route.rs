//! The table of routes. Server, clients and the route x principal matrix are made from this one list.

use crate::id::{FileId, FolderId, LinkId, SessionId};
use crate::name::RelPath;
use crate::secret::LinkToken;

/// HTTP methods that Cairn uses; proxies pass all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Changes nothing. Every GET route answers HEAD too.
    Get,
    /// Makes, declares, publishes.
    Post,
    /// Stores a chunk.
    Put,
    /// Ends something.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

macro_rules! routes {
    ($($(#[$doc:meta])* $name:ident = $method:ident $pattern:literal;)*) => {
        /// One address and method.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Route { $($(#[$doc])* $name,)* }

        impl Route {
            /// Every route, in the order of a file's life.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The method.
            pub const fn method(self) -> Method {
                match self { $(Self::$name => Method::$method,)* }
            }

            /// The address, with its variable parts in braces.
            pub const fn pattern(self) -> &'static str {
                match self { $(Self::$name => $pattern,)* }
            }
        }
    };
}

routes! {
    /// 200 when ready.
    Health = Get "/healthz";
    /// Makes an anonymous owner.
    Owner = Post "/api/owner";
    /// Makes a folder, or adds empty folders to one.
    Folder = Post "/api/folder";
    /// Starts a session.
    Start = Post "/api/start";
    /// Finds a blob by its SHA-256.
    CheckHash = Post "/api/check";
    /// Declares rows.
    Check = Post "/api/check/{session}";
    /// Stores a chunk.
    Upload = Put "/api/upload/{session}/{index}";
    /// Opens an upload channel: a WebSocket that takes what `Upload` takes.
    Channel = Get "/api/channel";
    /// Tells where a session stands.
    Status = Get "/api/status/{session}";
    /// Publishes a session.
    Finish = Post "/api/finish/{session}";
    /// Starts many sessions.
    BatchStart = Post "/api/batch/start";
    /// Declares rows of many sessions.
    BatchCheck = Post "/api/batch/check";
    /// Stores small chunks of many sessions.
    BatchUpload = Post "/api/batch/upload";
    /// Publishes many sessions.
    BatchFinish = Post "/api/batch/finish";
    /// Gives a session up.
    SessionDelete = Delete "/api/session/{session}";
    /// Lists a folder: the receipt.
    FolderList = Get "/api/folder/{folder}";
    /// Makes a link to a file or a folder.
    Share = Post "/api/share/{file}";
    /// Revokes a link.
    ShareDelete = Delete "/api/share/{link}";
    /// Lists the owner's files.
    Files = Get "/api/files";
    /// Lists the owner's folders.
    Folders = Get "/api/folder";
    /// Deletes a file and its links.
    FileDelete = Delete "/api/file/{file}";
    /// Deletes a folder, its links and everything in it.
    FolderDelete = Delete "/api/folder/{folder}";
    /// The share page.
    SharePage = Get "/d/{token}";
    /// What the link gives, as JSON.
    LinkList = Get "/d/{token}/list";
    /// The bytes; with `?path=` those of one file in a folder.
    Raw = Get "/d/{token}/raw";
    /// The same with the path, or the file's own name, at the end of the address.
    RawIn = Get "/d/{token}/raw/{path}";
}

/// `POST /api/check/{session}`.
pub fn check(session: SessionId) -> String {
    format!("/api/check/{session}")
}

/// `PUT /api/upload/{session}/{index}`: the bytes of one row, or of `rows` from there on, one behind the other.
pub fn upload(session: SessionId, index: u32, rows: usize) -> String {
    match rows {
        1 => format!("/api/upload/{session}/{index}"),
        _ => format!("/api/upload/{session}/{index}?rows={rows}"),
    }
}

/// `GET /api/status/{session}`, rows `from..`.
pub fn status(session: SessionId, from: u32) -> String {
    format!("/api/status/{session}?from={from}")
}

/// `POST /api/batch/start`.
pub const BATCH_START: &str = Route::BatchStart.pattern();
/// `POST /api/batch/check`.
pub const BATCH_CHECK: &str = Route::BatchCheck.pattern();
/// `POST /api/batch/upload`.
pub const BATCH_UPLOAD: &str = Route::BatchUpload.pattern();
/// `POST /api/batch/finish`.
pub const BATCH_FINISH: &str = Route::BatchFinish.pattern();

/// `POST /api/finish/{session}`.
pub fn finish(session: SessionId) -> String {
    format!("/api/finish/{session}")
}

/// `DELETE /api/session/{session}`.
pub fn session(session: SessionId) -> String {
    format!("/api/session/{session}")
}

/// `GET` and `DELETE /api/folder/{folder}`.
pub fn folder(folder: FolderId) -> String {
    format!("/api/folder/{folder}")
}

/// `GET /api/folder/{folder}?after=`.
pub fn folder_page(folder: FolderId, after: Option<&RelPath>) -> String {
    let mut path = self::folder(folder);
    if let Some(after) = after {
        path.push_str("?after=");
        push_encoded(&mut path, after.as_str());
    }
    path
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
fn push_encoded(path: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push('%');
            path.push(char::from(HEX[usize::from(byte >> 4)]));
            path.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// `POST /api/share/{file}`.
pub fn share(file: FileId) -> String {
    format!("/api/share/{file}")
}

/// `POST /api/share/{folder}`: the same address takes a folder's id.
pub fn share_folder(folder: FolderId) -> String {
    format!("/api/share/{folder}")
}

/// `DELETE /api/share/{link}`.
pub fn link(link: LinkId) -> String {
    format!("/api/share/{link}")
}

/// `DELETE /api/file/{file}`.
pub fn file(file: FileId) -> String {
    format!("/api/file/{file}")
}

/// `GET /d/{token}`.
pub fn share_page(token: &LinkToken) -> String {
    format!("/d/{token}")
}

/// The bytes behind a link whose address is `link`: of its file, whose name `path` is, or of the file at `path` in its folder. The address ends with
/// the name, so that clients which take it from there call the file so; but where proxies refuse what the name needs in a path, it stands in the query.
pub fn raw(link: &str, path: &str) -> String {
    let begin = if path.contains(['\\', ';', '%', '?', '#']) { "/raw?path=" } else { "/raw/" };
    let mut address = format!("{link}{begin}");
    push_path(&mut address, path);
    address
}

/// `GET /d/{token}/list` behind the link whose address is `link`.
pub fn link_list(link: &str, inside: Option<&str>, after: Option<&str>) -> String {
    level(&format!("{link}/list"), inside, after)
}

/// The page, or list, at `address` for the level `inside` of the link's folder, behind `after`.
pub fn level(address: &str, inside: Option<&str>, after: Option<&str>) -> String {
    let mut address = address.to_owned();
    for (begin, key, value) in
        [('?', "in=", inside), (if inside.is_some() { '&' } else { '?' }, "after=", after)]
    {
        if let Some(value) = value {
            address.push(begin);
            address.push_str(key);
            push_path(&mut address, value);
        }
    }
    address
}

/// The same with slashes as they are, which may stand in a path and in a query (RFC 3986 section 3.4).
fn push_path(address: &mut String, path: &str) {
    for (number, part) in path.split('/').enumerate() {
        if number > 0 {
            address.push('/');
        }
        push_encoded(address, part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_at_the_end_unless_proxies_refuse_it_there() {
        assert_eq!(raw("/d/x", "a b/ü.txt"), "/d/x/raw/a%20b/%C3%BC.txt");
        for (path, encoded) in
            [("100%", "100%25"), ("a?b", "a%3Fb"), ("c#", "c%23"), ("d;e", "d%3Be"), ("f/g\\h", "f/g%5Ch")]
        {
            assert_eq!(raw("https://x/d/x", path), format!("https://x/d/x/raw?path={encoded}"));
        }
        assert_eq!(link_list("/d/x", None, None), "/d/x/list");
        assert_eq!(link_list("/d/x", None, Some("a/")), "/d/x/list?after=a/");
        assert_eq!(link_list("/d/x", Some("a&b"), Some("c")), "/d/x/list?in=a%26b&after=c");
    }
}
