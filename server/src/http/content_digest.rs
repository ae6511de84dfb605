//! `Content-Digest` with a SHA-256 in it (RFC 9530 section 2).

use cairn_shared::ChunkDigest;
use data_encoding::BASE64;

/// A `sha-256` is there, and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads `sha-256=:<base64>:` from a header, `None` where it has none; other algorithms are ignored.
pub(crate) fn sha256_in(header: &str) -> Result<Option<ChunkDigest>, Malformed> {
    let Some(value) = header.split(',').find_map(|entry| entry.trim().strip_prefix("sha-256=")) else {
        return Ok(None);
    };
    let text = value.strip_prefix(':').and_then(|value| value.strip_suffix(':')).ok_or(Malformed)?;
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| Malformed)?;
    // The decoder takes several padded texts in a row for one.
    if BASE64.encode(&bytes) != text {
        return Err(Malformed);
    }
    Ok(Some(ChunkDigest::new(bytes.try_into().map_err(|_| Malformed)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_sha_256_and_ignores_other_algorithms() {
        let text = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        let digest = "5f8f04f6a3a892aaabbddb6cf273894493773960d4a325b105fee46eef4304f1".parse().unwrap();
        assert_eq!(sha256_in(text), Ok(Some(digest)));
        assert_eq!(sha256_in(&format!("sha-512=:AA==:, {text}")), Ok(Some(digest)));
        assert_eq!(sha256_in("sha-512=:AA==:"), Ok(None));
        assert_eq!(sha256_in(""), Ok(None));
        for bad in ["sha-256=", "sha-256=:", "sha-256=::", "sha-256=:AA==:", "sha-256=5f8f"] {
            assert_eq!(sha256_in(bad), Err(Malformed), "{bad}");
        }
        let padded_inside = "sha-256=:X48E9qOovs8nOJRJN3OWDUWokxBf7ybxBf7kbu0=DBPE:";
        assert_eq!(sha256_in(padded_inside), Err(Malformed));
        assert_eq!(sha256_in(&text.replace("E=:", "F=:")), Err(Malformed), "bits that no byte has");
    }
}
