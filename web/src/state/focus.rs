//! Where the focus goes when what has it goes away.

use cairn_engine::UploadId;

use crate::platform::{clock, document};
use crate::shell::FolderId;

/// Where the focus goes when the focused row is gone.
pub const PICKER_BUTTON: &str = "choose-files";
/// What is unfinished.
pub const UNFINISHED_PANEL: &str = "unfinished";

/// The id of an upload's row in the document.
pub fn row_id(upload: UploadId) -> String {
    format!("row-{}", upload.0)
}

/// The id of a folder's row in the document.
pub fn folder_row_id(folder: FolderId) -> String {
    format!("folder-{}", folder.0)
}

/// Gives a focus that went away to what can still be done.
pub(super) fn refocus() {
    clock::next_frame(|| document::keep_focus(&[&format!("#{PICKER_BUTTON}")]));
}

/// Gives a focus that went away to a row's link, or else to what can still be done there.
pub(super) fn refocus_in(row: String) {
    clock::next_frame(move || {
        document::keep_focus(&[
            &format!("{row} .link"),
            &format!("{row} button"),
            &format!("#{PICKER_BUTTON}"),
        ]);
    });
}
