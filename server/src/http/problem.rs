//! Writes every problem as `application/problem+json`: the only place that does.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use cairn_shared::{Problem, ProblemCode};

use crate::refusal::Refusal;

/// A problem as a response (RFC 9457).
pub(crate) fn problem_response(problem: &Problem) -> HttpResponse {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.content_type("application/problem+json").insert_header((CACHE_CONTROL, "no-store"));
    if let Some(seconds) = problem.retry_after {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    if problem.status == 401 {
        response.insert_header((WWW_AUTHENTICATE, "Bearer"));
    }
    if problem.code == ProblemCode::BodySlow {
        // The rest of a body that stalls is not waited for.
        response.force_close();
    }
    match serde_json::to_vec(problem) {
        Ok(body) => response.body(body),
        Err(_) => response.finish(),
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        problem_response(&self.0)
    }
}
