//! What an answer says: what was asked for, or why not.

use cairn_engine::Failure;
use cairn_shared::Problem;
use serde::de::DeserializeOwned;
use ureq::Body;
use ureq::http::Response;

/// A page is no answer of the API's.
pub(super) fn is_page(response: &Response<Body>) -> bool {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// Its JSON.
pub(super) fn read<T: DeserializeOwned>(mut response: Response<Body>) -> Result<T, Failure> {
    let bytes = response.body_mut().read_to_vec().map_err(|_| Failure::Network)?;
    // All of it came, and it is not what a Cairn server says.
    let status = response.status().as_u16();
    serde_json::from_slice(&bytes).map_err(|_| Failure::Status { status, retry_after_seconds: None })
}

/// Why there is none.
pub(super) fn failure(mut response: Response<Body>) -> Failure {
    let status = response.status().as_u16();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after_seconds = header("retry-after").and_then(|seconds| seconds.parse().ok());
    let is_problem = header("content-type").is_some_and(|kind| kind.starts_with("application/problem+json"));
    let problem = is_problem
        .then(|| response.body_mut().read_to_vec().ok())
        .flatten()
        .and_then(|bytes| serde_json::from_slice::<Problem>(&bytes).ok());
    match problem {
        Some(problem) => Failure::Problem(Box::new(problem)),
        None => Failure::Status { status, retry_after_seconds },
    }
}
