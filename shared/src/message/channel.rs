//! `GET /api/channel`: a WebSocket (RFC 6455) on which `PUT /api/upload/{session}/{index}` goes many times, one after the other.
//! Browsers copy what they send this way once; a request's body they copy three times, each time into new memory.
//!
//! A client sends `ChannelPut` as a text message, then the bytes in binary messages of any length. The answer is a text message, `Outcome<Stored>`. Only then comes the next one.

use serde::{Deserialize, Serialize};

use crate::id::SessionId;
use crate::secret::Bearer;

/// What comes before the bytes of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelPut {
    /// Which session.
    pub session: SessionId,
    /// The first row.
    pub index: u32,
    /// How many rows, all of them declared.
    pub rows: usize,
    /// How many bytes follow.
    pub length: u64,
    /// The credential; absent: what the channel was opened with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<Bearer>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_protocol_shows() {
        let text = r#"{"session":"00112233445566778899aabbccddeeff","index":7,"rows":3,"length":4000000}"#;
        let put: ChannelPut = serde_json::from_str(text).unwrap();
        assert_eq!((put.index, put.rows, put.length, put.bearer), (7, 3, 4_000_000, None));
        assert_eq!(serde_json::to_string(&put).unwrap(), text);
        assert!(serde_json::from_str::<ChannelPut>(&text.replace("rows", "row")).is_err());
    }
}
