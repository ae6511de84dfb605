//! `GET /api/channel`: takes runs of chunks by WebSocket, one after the other.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::CloseCode;
use cairn_shared::ProblemCode;
use cairn_shared::limits::CHUNK_BYTES_MAX;
use cairn_shared::message::{ChannelPut, Outcome, Stored};

use super::run;
use crate::access::{Asker, bearer_credential, upload_right};
use crate::cairn::Cairn;
use crate::http::{Body, Channel, asker, parse};
use crate::refusal::{Answer, Refusal};

/// A channel that nothing comes by for so long is closed; another is opened in a moment.
const IDLE: Duration = Duration::from_secs(60);

/// 101 where the client asks for a WebSocket.
pub(crate) async fn open(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let (response, channel) = Channel::open(&request, body).await?;
    rt::spawn(serve(cairn.into_inner(), asker, channel));
    Ok(response)
}

/// Takes one run after the other, until the client closes the channel, is silent, or the server stops.
async fn serve(cairn: Arc<Cairn>, asker: Asker, mut channel: Channel) {
    let mut stopping = cairn.stopping.subscribe();
    let code = loop {
        let text = tokio::select! {
            text = channel.text() => text,
            () = tokio::time::sleep(IDLE) => break CloseCode::Normal,
            _ = stopping.wait_for(|stopping| *stopping) => break CloseCode::Away,
        };
        let Some(text) = text else { break CloseCode::Normal };
        let put = match announced(&text) {
            Ok(put) => put,
            Err(refusal) => {
                // Nobody knows what follows.
                answer(&cairn, &mut channel, Err(refusal)).await;
                break CloseCode::Policy;
            }
        };
        channel.expect(put.length);
        let outcome = store(&cairn, asker, put, &channel).await;
        let is_slow = outcome.as_ref().is_err_and(|refusal| refusal.0.code == ProblemCode::BodySlow);
        if !answer(&cairn, &mut channel, outcome).await || is_slow || !channel.pass_over().await {
            break CloseCode::Policy;
        }
    };
    channel.close(code).await;
}

fn announced(text: &[u8]) -> Answer<ChannelPut> {
    let put: ChannelPut = parse(text)?;
    if put.length > u64::from(CHUNK_BYTES_MAX) {
        let detail = format!("The rows of one put may have {CHUNK_BYTES_MAX} bytes together. Send fewer.");
        return Err(Refusal::new(ProblemCode::BodyLarge, detail));
    }
    Ok(put)
}

async fn store(cairn: &Arc<Cairn>, asker: Asker, put: ChannelPut, channel: &Channel) -> Answer<()> {
    let asker = match put.bearer {
        Some(bearer) => Asker { credential: bearer_credential(cairn, bearer).await?, ..asker },
        None => asker,
    };
    let right = upload_right(cairn, &asker, put.session).await?;
    let expected = run::expect_run(cairn, &right, put.index, put.rows, Some(put.length)).await?;
    let stored = run::store_run(cairn.clone(), right, put.index, expected, channel.bytes()).await;
    cairn.space.explain(Some(put.session), put.length, stored).await
}

/// False where nobody is there to be told.
async fn answer(cairn: &Cairn, channel: &mut Channel, outcome: Answer<()>) -> bool {
    let outcome = match outcome {
        Ok(()) => Outcome::Ok(Stored {}),
        Err(Refusal(problem)) => {
            if problem.code == ProblemCode::StorageFull {
                cairn.space.tighten();
            }
            Outcome::Problem(problem)
        }
    };
    channel.answer(&outcome).await
}
