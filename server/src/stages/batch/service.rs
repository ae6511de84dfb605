//! Carries out the items of a batch side by side, so that they share commits. Each has an outcome of its own.

use cairn_shared::OwnerId;
use cairn_shared::limits::{BATCH_ITEMS_MAX, CHECK_ROWS_MAX};
use cairn_shared::message::{
    BatchCheck, BatchFinish, BatchResponse, CheckResponse, FinishResponse, Outcome, StartRequest,
    StartResponse,
};
use futures_util::future::join_all;

use crate::access::{Asker, StartRight, upload_right};
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};
use crate::stages;

pub(super) async fn start(
    cairn: &Cairn,
    right: &StartRight,
    items: Vec<StartRequest>,
) -> Answer<BatchResponse<StartResponse>> {
    let started =
        items.into_iter().map(async |item| Ok(stages::start::start(cairn, right, item, 0).await?.0));
    Ok(outcomes(join_all(started).await))
}

pub(super) async fn admit_checks(
    cairn: &Cairn,
    asker: &Asker,
    owner: OwnerId,
    items: &[BatchCheck],
) -> Answer<()> {
    check_count(items.len())?;
    let checks: Vec<_> = items.iter().map(|item| &item.check).collect();
    stages::check::admit(cairn, asker, owner, &checks).await
}

pub(super) async fn check(
    cairn: &Cairn,
    asker: &Asker,
    items: Vec<BatchCheck>,
) -> Answer<BatchResponse<CheckResponse>> {
    let rows: usize = items.iter().map(|item| item.check.chunks.len()).sum();
    if rows > CHECK_ROWS_MAX {
        return Err(Refusal::field(
            "items",
            format!("declares {rows} rows, more than {CHECK_ROWS_MAX} in all"),
        ));
    }
    let checked = items.into_iter().map(async |item| {
        let right = upload_right(cairn, asker, item.session).await?;
        stages::check::declare(cairn, &right, item.check).await
    });
    Ok(outcomes(join_all(checked).await))
}

/// Without waiting for the digests of files of several chunks: `status` tells them later.
pub(super) async fn finish(
    cairn: &Cairn,
    asker: &Asker,
    items: Vec<BatchFinish>,
) -> Answer<BatchResponse<FinishResponse>> {
    count(&items)?;
    let finished = items.into_iter().map(async |item| {
        let right = upload_right(cairn, asker, item.session).await?;
        stages::finish::admit(cairn, asker, &right).await?;
        stages::finish::finish(cairn, &right, item.finish, stages::finish::AT_ONCE).await
    });
    Ok(outcomes(join_all(finished).await))
}

/// How many items there are, as far as a batch may have so many.
pub(super) fn count<T>(items: &[T]) -> Answer<u32> {
    check_count(items.len())?;
    Ok(u32::try_from(items.len()).unwrap_or(u32::MAX))
}

pub(super) fn check_count(items: usize) -> Answer<()> {
    if items > BATCH_ITEMS_MAX {
        return Err(Refusal::field("items", format!("has {items} items, more than {BATCH_ITEMS_MAX}")));
    }
    Ok(())
}

pub(super) fn outcomes<T>(answers: Vec<Answer<T>>) -> BatchResponse<T> {
    let outcome = |answer| match answer {
        Ok(value) => Outcome::Ok(value),
        Err(Refusal(problem)) => Outcome::Problem(problem),
    };
    BatchResponse { items: answers.into_iter().map(outcome).collect() }
}
