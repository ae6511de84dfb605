//! What one client has under way behind a proxy: its connections are the proxy's, so its requests are counted in their place.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use bytes::Bytes;
use cairn_shared::{Problem, ProblemCode};

use super::connections::Seat;
use super::problem_response;
use crate::cairn::Cairn;

/// How soon one may ask again, in seconds.
const RETRY_AFTER: u32 = 1;

/// Refuses a request of a client that has as many under way behind trusted proxies as it may have; each counts until its answer was sent.
pub(crate) async fn seated(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let seats = request.app_data::<web::Data<Cairn>>().map(|cairn| cairn.seats.clone());
    let seat = match seats.map(|seats| seats.take_behind_proxy(request.head())).transpose() {
        Ok(seat) => seat.flatten(),
        Err(_) => {
            let detail = "As many requests of your address are under way as may be at the same time.";
            let problem = Problem::new(ProblemCode::TooManyRequests, detail).with_retry_after(RETRY_AFTER);
            let refused = request.into_response(problem_response(&problem)).map_into_boxed_body();
            return Ok(refused.map_body(|_, body| Seated { body, _seat: None }));
        }
    };
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(response.map_body(|_, body| Seated { body, _seat: seat }))
}

/// A response's body, and the seat of its request.
struct Seated {
    body: BoxBody,
    _seat: Option<Seat>,
}

impl MessageBody for Seated {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
