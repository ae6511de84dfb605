//! What a link gives, for programs.

use cairn_shared::Name;
use cairn_shared::message::{EntryKind, LinkItem, LinkListResponse, LinkRight};
use cairn_store::model::{Child, File};

use super::tree::Tree;

/// Of a link that gives one file.
pub(super) fn of_file(file: &File) -> LinkListResponse {
    LinkListResponse {
        kind: EntryKind::File,
        name: file.fields.name.clone(),
        file: Some(file.id),
        folder: None,
        rights: vec![LinkRight::Read],
        revision: 0,
        files: 1,
        bytes: file.size,
        items: vec![item(file.fields.name.clone(), file)],
        next: None,
    }
}

/// Of a level of a folder.
pub(super) fn of_tree(tree: Tree) -> LinkListResponse {
    let items = tree.children.into_iter().map(|child| match child {
        Child::File(name, file) => item(name, &file),
        Child::Folder(name) => LinkItem::folder(name),
    });
    LinkListResponse {
        kind: EntryKind::Folder,
        name: tree.name,
        file: None,
        folder: Some(tree.folder),
        rights: vec![LinkRight::Read],
        revision: tree.revision,
        files: tree.files,
        bytes: tree.bytes,
        items: items.collect(),
        next: tree.next,
    }
}

fn item(name: Name, file: &File) -> LinkItem {
    LinkItem {
        name,
        kind: EntryKind::File,
        size: Some(file.size),
        mtime: file.fields.mtime,
        media_type: file.fields.media_type.clone(),
        manifest_digest: Some(file.manifest_digest),
        blob: file.blob,
    }
}
