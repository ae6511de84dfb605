//! Which media types a download may name: nothing that a browser would run.

/// The type to answer with: the sender's where it is passive, else plain bytes (TRUST 4.2).
pub(super) fn passive(media_type: Option<&str>) -> &'static str {
    const PASSIVE: [&str; 13] = [
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/avif",
        "video/mp4",
        "video/webm",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/flac",
        "application/pdf",
        "text/plain",
    ];
    match PASSIVE.iter().find(|known| Some(**known) == media_type) {
        Some(&"text/plain") => "text/plain; charset=utf-8",
        Some(known) => known,
        None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::passive;

    #[test]
    fn active_content_is_plain_bytes() {
        assert_eq!(passive(Some("image/png")), "image/png");
        assert_eq!(passive(Some("text/plain")), "text/plain; charset=utf-8");
        for active in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "text/javascript",
            "multipart/related",
        ] {
            assert_eq!(passive(Some(active)), "application/octet-stream", "{active}");
        }
        assert_eq!(passive(None), "application/octet-stream");
    }
}
