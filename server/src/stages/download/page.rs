//! The share page: HTML that works without script, in the reader's language.

use std::sync::OnceLock;

use cairn_shared::{LinkToken, route};
use data_encoding::BASE64;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use super::service::Shown;
use crate::access::sha256;

const CSS: &str = include_str!("page.css");

/// Every word on the page.
#[derive(Deserialize)]
pub(super) struct Words {
    pub(super) lang: String,
    pub(super) title: String,
    download: String,
    checksum: String,
    computing: String,
    changed: String,
    sent: String,
    gone: String,
    gone_hint: String,
    later: String,
    later_hint: String,
    over: String,
    units: [String; 5],
    decimal: String,
    pub(super) one_file: String,
    pub(super) files: String,
    pub(super) empty: String,
    pub(super) more: String,
    pub(super) place: String,
}

/// Who reads a page.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reader<'a> {
    /// Before every path, where this server has a path of its own.
    pub(super) base: &'a str,
    /// `Accept-Language`.
    pub(super) language: Option<&'a str>,
}

/// The words of the reader's language.
pub(super) fn words(accept_language: Option<&str>) -> &'static Words {
    static EN: OnceLock<Words> = OnceLock::new();
    static DE: OnceLock<Words> = OnceLock::new();
    let german = accept_language.is_some_and(|accept| {
        accept
            .split(',')
            .map(|tag| tag.trim().get(..2).unwrap_or_default())
            .find(|tag| matches!(*tag, "de" | "en"))
            == Some("de")
    });
    if german {
        read(&DE, include_str!("../../../locales/de.json"))
    } else {
        read(&EN, include_str!("../../../locales/en.json"))
    }
}

fn read(cell: &'static OnceLock<Words>, text: &str) -> &'static Words {
    cell.get_or_init(|| match serde_json::from_str(text) {
        Ok(words) => words,
        // The files are compiled in, and a test reads every one of them.
        Err(error) => unreachable!("a locale file can't be read: {error}"),
    })
}

/// The pages' `Content-Security-Policy`: their own style, links to the bytes, nothing else.
pub(super) fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let style = BASE64.encode(&sha256(CSS.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    })
}

/// The page of a live link.
pub(super) fn shown(file: &Shown, token: &LinkToken, reader: Reader<'_>) -> String {
    let words = words(reader.language);
    let body = html! {
        h1 { bdi { (file.name) } }
        p.size { (size(words, file.size)) }
        a.download href=(route::raw(&format!("{}/d/{token}", reader.base), &file.address)) download {
            (words.download)
        }
        dl {
            @if let Some(mtime) = &file.mtime { dt { (words.changed) } dd { (mtime) } }
            dt { (words.sent) } dd { (file.created_at) }
            dt { (words.checksum) }
            dd {
                @match &file.blob {
                    Some(blob) => code { (blob) },
                    None => (words.computing),
                }
            }
        }
    };
    frame(reader, &file.name, false, &body)
}

/// The page of a link that gives nothing; `over` where it was live once.
pub(super) fn gone(over: bool, reader: Reader<'_>) -> String {
    let words = words(reader.language);
    let body = html! {
        h1 { @if over { (words.over) } @else { (words.gone) } }
        p { (words.gone_hint) }
    };
    frame(reader, &words.title, false, &body)
}

/// The page of a server that can't tell now what the link gives.
pub(super) fn later(reader: Reader<'_>) -> String {
    let words = words(reader.language);
    let body = html! {
        h1 { (words.later) }
        p { (words.later_hint) }
    };
    frame(reader, &words.title, false, &body)
}

/// The page around a body.
pub(super) fn frame(reader: Reader<'_>, title: &str, is_wide: bool, body: &Markup) -> String {
    let words = words(reader.language);
    html! {
        (DOCTYPE)
        html lang=(words.lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex, nofollow";
                title { (title) " · Cairn" }
                style { (maud::PreEscaped(CSS)) }
            }
            body {
                main.wide[is_wide] { (body) }
                footer { a href=(format!("{}/", reader.base)) { (words.title) } }
            }
        }
    }
    .into_string()
}

/// A size for people.
pub(super) fn size(words: &Words, bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < words.units.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.5);
    format!("{value:.digits$} {}", words.units[unit]).replacen('.', &words.decimal, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_locale_reads_and_names_are_inert() {
        let token = LinkToken::new([7; 16]);
        for language in [None, Some("de-DE,de;q=0.9"), Some("en,de"), Some("fr,xx")] {
            let file = Shown {
                name: "<script>alert(1)</script>\"'&".to_owned(),
                address: "<script>alert(1)<script>\"'&".to_owned(),
                size: 1_234_567,
                mtime: None,
                created_at: "2026-11-21".to_owned(),
                blob: None,
            };
            let reader = Reader { base: "/cairn", language };
            let page = shown(&file, &token, reader);
            assert!(
                page.contains(&format!("href=\"/cairn/d/{token}/raw/%3Cscript"))
                    && page.contains("href=\"/cairn/\""),
                "{page}"
            );
            assert!(!page.contains("<script"), "{page}");
            assert!(page.contains("&lt;script&gt;"));
            assert!(gone(true, reader).contains("<h1>"));
        }
        assert_eq!(size(words(None), 0), "0 B");
        assert_eq!(size(words(Some("de")), 1_234_567), "1,2 MB");
        assert_eq!(size(words(None), 999_999), "1.0 MB");
    }
}
