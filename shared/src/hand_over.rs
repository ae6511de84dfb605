//! An unfinished upload handed over to another device: what stands behind the `#` of its link, where no server sees it.

use std::str::FromStr;

use form_urlencoded::{Serializer, parse};

use crate::{Bearer, ChunkRule, Name, SessionId, UnixMs};

/// A text hands nothing over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link to go on with an upload is not whole: copy all of it")]
pub struct HandOverError;

/// What another device needs to go on with an upload, beside the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The session.
    pub session: SessionId,
    /// Its key, `ses_...`: whoever has it can finish the upload, and delete it.
    pub key: Bearer,
    /// How the file is cut.
    pub rule: ChunkRule,
    /// The file's name.
    pub name: Name,
    /// Its size, in bytes.
    pub size: u64,
    /// When it was last changed.
    pub mtime: Option<UnixMs>,
    /// Bytes that the server had; for display.
    pub stored: u64,
}

impl HandOver {
    /// `session=...&key=...` and so on, as `application/x-www-form-urlencoded` (WHATWG URL, section 5).
    pub fn fragment(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        pairs.append_pair("session", &self.session.to_string());
        pairs.append_pair("key", &self.key.to_string());
        pairs.append_pair("rule", &self.rule.to_string());
        pairs.append_pair("size", &self.size.to_string());
        pairs.append_pair("stored", &self.stored.to_string());
        if let Some(mtime) = self.mtime {
            pairs.append_pair("mtime", &mtime.to_string());
        }
        pairs.append_pair("name", self.name.as_str());
        pairs.finish()
    }

    /// Whether a fragment means to hand something over, whole or not.
    pub fn is_meant(fragment: &str) -> bool {
        fragment.starts_with("session=")
    }
}

impl FromStr for HandOver {
    type Err = HandOverError;

    fn from_str(fragment: &str) -> Result<Self, HandOverError> {
        let find = |wanted: &str| {
            parse(fragment.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        fn read<T: FromStr>(text: Option<String>) -> Result<T, HandOverError> {
            text.and_then(|text| text.parse().ok()).ok_or(HandOverError)
        }
        let mtime = find("mtime").map(|text| read(Some(text))).transpose()?;
        let key: Bearer = read(find("key"))?;
        if !matches!(key, Bearer::Session(_)) {
            return Err(HandOverError);
        }
        Ok(Self {
            session: read(find("session"))?,
            key,
            rule: read(find("rule"))?,
            name: read(find("name"))?,
            size: read(find("size"))?,
            mtime,
            stored: read(find("stored"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand_over() -> HandOver {
        HandOver {
            session: SessionId::new([3; 16]),
            key: Bearer::Session([7; 32]),
            rule: ChunkRule::FastCdc,
            name: "1+1 = 2 & ünï#.mkv".parse().unwrap(),
            size: 200_000_000_000,
            mtime: Some(1_700_000_000_000),
            stored: 5,
        }
    }

    #[test]
    fn comes_back_as_it_went() {
        for mtime in [None, Some(1)] {
            let handed = HandOver { mtime, ..hand_over() };
            let fragment = handed.fragment();
            assert!(HandOver::is_meant(&fragment) && !fragment.contains('#'), "{fragment}");
            assert_eq!(fragment.parse(), Ok(handed));
        }
    }

    #[test]
    fn a_part_of_it_hands_nothing_over() {
        let fragment = HandOver { mtime: None, ..hand_over() }.fragment();
        for end in 0..fragment.rfind("name=").unwrap() {
            assert_eq!(fragment[..end].parse::<HandOver>(), Err(HandOverError), "{}", &fragment[..end]);
        }
        for (good, bad) in [("key=ses_", "key=own_"), ("size=2", "size=-2"), ("rule=fast", "rule=slow")] {
            assert!(fragment.replace(good, bad).parse::<HandOver>().is_err(), "{bad}");
        }
    }
}
