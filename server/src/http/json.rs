//! Reads JSON bodies, and says which field is wrong.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use cairn_shared::{Problem, ProblemCode};
use serde::de::DeserializeOwned;

use super::Body;
use crate::refusal::{Answer, Refusal};

/// A body of `application/json`, `length_max` bytes at most.
pub(crate) async fn json_body<T: DeserializeOwned>(
    request: &HttpRequest,
    body: Body,
    length_max: usize,
) -> Answer<T> {
    require_json(request)?;
    parse(&body.collect(length_max).await?)
}

/// The same where the body may be absent, which stands for the default.
pub(crate) async fn optional_json_body<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    body: Body,
    length_max: usize,
) -> Answer<T> {
    let bytes = body.collect(length_max).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    require_json(request)?;
    parse(&bytes)
}

/// A cross-site form can't send this type, so it is also a wall against forged requests.
fn require_json(request: &HttpRequest) -> Answer<()> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let detail = "Send the body with Content-Type: application/json.";
        return Err(Problem::new(ProblemCode::MediaTypeWrong, detail).with_field("Content-Type").into());
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        let detail = "Send the body without Content-Encoding.";
        return Err(Problem::new(ProblemCode::MediaTypeWrong, detail).with_field("Content-Encoding").into());
    }
    Ok(())
}

/// JSON text, and nothing behind it.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            serde_json::error::Category::Data => {
                let problem = Problem::new(ProblemCode::FieldInvalid, format!("{error}."));
                if field == "." { problem.into() } else { problem.with_field(field).into() }
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => broken(&error),
        }
    })?;
    deserializer.end().map_err(|error| broken(&error))?;
    Ok(value)
}

fn broken(error: &serde_json::Error) -> Refusal {
    Refusal::new(ProblemCode::JsonInvalid, format!("The body is not JSON: {error}."))
}
