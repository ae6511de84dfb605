//! `POST /api/batch/{start,check,upload,finish}`: many small requests in one. Every item stands for itself: one that is
//! refused changes nothing about the others.

use serde::{Deserialize, Serialize};

use super::{CheckRequest, FinishRequest};
use crate::id::SessionId;
use crate::problem::Problem;

/// Up to `BATCH_ITEMS_MAX` items: a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest<L> {
    /// In any order.
    pub items: L,
}

/// An item of `POST /api/batch/check`; all items together declare `CHECK_ROWS_MAX` rows at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchCheck {
    /// Which session.
    pub session: SessionId,
    /// As in `POST /api/check/{session}`.
    pub check: CheckRequest,
}

/// An item of `POST /api/batch/finish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchFinish {
    /// Which session.
    pub session: SessionId,
    /// As in `POST /api/finish/{session}`.
    #[serde(default)]
    pub finish: FinishRequest,
}

/// One outcome for each item, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchResponse<T> {
    /// As many as there were items.
    pub items: Vec<Outcome<T>>,
}

/// What came of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome<T> {
    /// What the item's own route would answer.
    Ok(T),
    /// Why it was refused.
    Problem(Box<Problem>),
}

/// The chunk of a frame is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {}
