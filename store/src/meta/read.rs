//! Reading of rows by key: the one thing that an index and a transaction have in common.

use crate::error::Result;

/// A key and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// Entries that a scan asks for at once.
const PAGE_ENTRIES: usize = 1_000;

/// Gives rows by their binary keys.
pub(crate) trait Read {
    /// The value under `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Up to `limit` entries with keys in `from..end`, ascending.
    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>>;
}

/// Up to `limit` entries whose keys begin with `prefix`, ascending.
pub(crate) fn first(read: &dyn Read, prefix: &[u8], limit: usize) -> Result<Vec<Entry>> {
    read.page(prefix, &prefix_end(prefix), limit)
}

/// Whether any key begins with `prefix`.
pub(crate) fn any(read: &dyn Read, prefix: &[u8]) -> Result<bool> {
    Ok(!first(read, prefix, 1)?.is_empty())
}

/// Every entry whose key begins with `prefix`, ascending, read page by page.
pub(crate) fn scan<'a>(read: &'a dyn Read, prefix: &[u8]) -> Scan<'a> {
    scan_range(read, prefix.to_vec(), prefix_end(prefix))
}

/// Every entry with its key in `from..end`, ascending, read page by page.
pub(crate) fn scan_range(read: &dyn Read, from: Vec<u8>, end: Vec<u8>) -> Scan<'_> {
    Scan { read, from, end, page: Vec::new().into_iter(), ended: false }
}

/// The first key behind all that begin with `prefix`. No prefix consists of 255 alone.
pub(crate) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// The first key behind `key`.
pub(crate) fn key_after(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

/// Walks a range of keys. No page is held open while the caller works, so it may read in between.
pub(crate) struct Scan<'a> {
    read: &'a dyn Read,
    from: Vec<u8>,
    end: Vec<u8>,
    page: std::vec::IntoIter<Entry>,
    ended: bool,
}

impl Scan<'_> {
    fn refill(&mut self) -> Result<()> {
        let page = self.read.page(&self.from, &self.end, PAGE_ENTRIES)?;
        self.ended = page.len() < PAGE_ENTRIES;
        if let Some((last, _)) = page.last() {
            self.from = key_after(last);
        }
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.page.next() {
            return Some(Ok(entry));
        }
        if self.ended {
            return None;
        }
        if let Err(error) = self.refill() {
            self.ended = true;
            return Some(Err(error));
        }
        self.page.next().map(Ok)
    }
}
