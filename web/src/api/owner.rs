//! The owner key: made before the first upload, once for all tabs, kept by the browser; and what is asked with it.

use std::rc::Rc;

use cairn_engine::Failure;
use cairn_shared::message::OwnerResponse;
use cairn_shared::route::Route;
use cairn_shared::{Bearer, ProblemCode};
use futures_util::lock::Mutex;
use serde::de::DeserializeOwned;

use super::Request;
use crate::platform::http::{self, Ask, Body, Signal};
use crate::platform::idb::Db;

/// Who this browser is towards the server.
#[derive(Clone)]
pub struct Owner {
    db: Option<Db>,
    /// Locked while the key is looked for or made, so that many files ask once.
    key: Rc<Mutex<Option<Bearer>>>,
}

impl Owner {
    /// Knows nothing yet.
    pub fn new(db: Option<Db>) -> Self {
        Self { db, key: Rc::default() }
    }

    /// The key, if there is one.
    pub async fn known(&self) -> Option<Bearer> {
        let mut key = self.key.lock().await;
        if key.is_none()
            && let Some(db) = &self.db
        {
            *key = db.owner().await.ok().flatten();
        }
        *key
    }

    /// The key; makes one where there is none.
    pub async fn key(&self) -> Result<Bearer, Failure> {
        if let Some(key) = self.known().await {
            return Ok(key);
        }
        let mut key = self.key.lock().await;
        if let Some(made) = *key {
            return Ok(made);
        }
        let fresh = make().await?;
        let kept = match &self.db {
            Some(db) => db.adopt_owner(fresh).await.unwrap_or(fresh),
            None => fresh,
        };
        *key = Some(kept);
        Ok(kept)
    }

    /// Asks with the key; makes a new one, once, where the server no longer knows it.
    pub async fn ask<T: DeserializeOwned>(&self, request: &Request, signal: Signal) -> Result<T, Failure> {
        let key = self.key().await?;
        match request.json(key, signal.clone()).await {
            Err(failure) if is_stale(&failure) => {
                self.drop_stale(key).await;
                request.json(self.key().await?, signal).await
            }
            answer => answer,
        }
    }

    /// Drops a key that the server does not know.
    async fn drop_stale(&self, stale: Bearer) {
        let mut key = self.key.lock().await;
        if *key == Some(stale) {
            *key = None;
        }
        if let Some(db) = &self.db {
            // Where it stays, the server refuses it again at the next visit and it is dropped then.
            let _ = db.drop_owner(stale).await;
        }
    }
}

/// Whether an answer means that the credential is not, or no longer, known.
fn is_stale(failure: &Failure) -> bool {
    match failure {
        Failure::Problem(problem) => problem.code == ProblemCode::CredentialUnknown,
        Failure::Network | Failure::Status { .. } => false,
    }
}

/// Everything waits for it, so it may not take for ever.
async fn make() -> Result<Bearer, Failure> {
    let route = Route::Owner;
    let ask = Ask { method: route.method(), url: route.pattern(), bearer: None, body: Body::Empty };
    let made: OwnerResponse = http::in_time(async |signal| http::json(ask, signal).await).await?;
    Ok(made.owner_key)
}
