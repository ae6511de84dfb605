//! What people give to `cairn get`: a link, or an address behind one.

use cairn_shared::{LinkToken, route};
use percent_encoding::percent_decode_str;

/// A link, and what of it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// `https://server/d/{token}`, without a slash at its end.
    pub(super) link: String,
    pub(super) wanted: Wanted,
}

/// What of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All that the link gives.
    All,
    /// What lies at this path of the link's folder.
    At(String),
}

impl Address {
    /// Takes a link, `.../raw`, `.../raw/NAME`, `.../raw?path=`, and the address of a level of a folder, `?in=`.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        let wrong = || anyhow::anyhow!("\"{text}\" is no link: it has the form https://server/d/...");
        let (text, _) = text.split_once('#').unwrap_or((text, ""));
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if !path.starts_with("http://") && !path.starts_with("https://") {
            return Err(wrong());
        }
        // A server may lie below a path, and a file at one with a `d` in it: the first that is followed by a token.
        let (at, token) = path
            .match_indices("/d/")
            .find_map(|(at, mark)| {
                let token = path[at + mark.len()..].split('/').next()?;
                token.parse::<LinkToken>().ok().map(|_| (at, token))
            })
            .ok_or_else(wrong)?;
        let link = path[..at].to_owned() + "/d/" + token;
        let rest = path[link.len()..].trim_matches('/');
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let value = pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value);
            value.map(|value| decoded(&value.replace('+', " "))).transpose().map(Option::unwrap_or_default)
        };
        let wanted = match rest {
            "" | "list" => parameter("in")?,
            "raw" => parameter("path")?,
            _ => decoded(rest.strip_prefix("raw/").ok_or_else(wrong)?)?,
        };
        let wanted = if wanted.is_empty() { Wanted::All } else { Wanted::At(wanted) };
        Ok(Self { link, wanted })
    }

    /// The address of the bytes at `path`, or of the link's own file, whose name it is. By the form that every proxy lets through.
    pub(super) fn raw(&self, path: &str) -> String {
        route::raw(&self.link, path)
    }

    /// The address of a page of a level.
    pub(super) fn list(&self, inside: Option<&str>, after: Option<&str>) -> String {
        route::link_list(&self.link, inside, after)
    }
}

fn decoded(text: &str) -> anyhow::Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text.map_err(|_| anyhow::anyhow!("the address is not percent-encoded UTF-8"))?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn every_form_that_is_given_out_is_understood() {
        let parse = |text: String| Address::parse(&text).map(|address| (address.link, address.wanted));
        for base in ["http://127.0.0.1:8080", "https://x.example/cairn", "https://x.example/d/d"] {
            let link = format!("{base}/d/{TOKEN}");
            for all in ["", "/", "/raw", "/list", "?utm_source=x", "#top", "/raw?x=y"] {
                assert_eq!(parse(format!("{link}{all}")).unwrap(), (link.clone(), Wanted::All), "{all}");
            }
            for (rest, path) in [
                ("/raw/a.txt", "a.txt"),
                ("/raw/a/50%25%20b.txt", "a/50% b.txt"),
                ("/raw?path=a%2Fb", "a/b"),
                ("/raw?x=y&path=a+b%2B", "a b+"),
                ("?in=up/%C3%BC", "up/ü"),
                ("/raw/x/d/y", "x/d/y"),
            ] {
                assert_eq!(
                    parse(format!("{link}{rest}")).unwrap(),
                    (link.clone(), Wanted::At(path.to_owned())),
                    "{rest}"
                );
            }
        }
        for wrong in [
            "",
            "x",
            "ftp://x/d/AAAAAAAAAAAAAAAAAAAAAA",
            "https://x/d/short",
            "https://x/",
            "/d/AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(parse(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
