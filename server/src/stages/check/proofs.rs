//! Chunks that only others hold: offered for proof, and adopted where the proof is right.

use std::collections::HashSet;

use cairn_shared::limits::CHECK_PROOFS_MAX;
use cairn_shared::message::{Declared, RowState};
use cairn_shared::proof::Prover;
use cairn_shared::{Proof, ProofKey, Row};
use cairn_store::StoreError;
use cairn_store::chunk::READ_BYTES;
use cairn_store::model::Session;
use sha2::{Digest, Sha256};

use crate::cairn::Cairn;
use crate::content::Content;
use crate::refusal::Answer;

/// Looks at what was answered `need`, row by row: what others hold is offered, what was offered before and is proven is `have`.
pub(super) async fn look(
    cairn: &Cairn,
    session: &Session,
    at: u32,
    declared: &[Declared],
    states: &mut [RowState],
) -> Answer<()> {
    let rule = session.fields.rule;
    let needed: Vec<usize> = (0..declared.len())
        .filter(|place| states[*place] == RowState::Need && rule.is_full(declared[*place].length))
        .collect();
    if needed.is_empty() {
        return Ok(());
    }
    let present = cairn.meta.present(needed.iter().map(|place| declared[*place].row()).collect()).await?;
    let now = cairn.now();
    let mut proven = Vec::new();
    let mut looked_at = 0;
    for (place, _) in needed.into_iter().zip(present).filter(|(_, present)| *present) {
        let row = declared[place].row();
        states[place] = match declared[place].proof {
            Some(proof) if looked_at < CHECK_PROOFS_MAX && cairn.dedup.take(session.id, row.digest, now) => {
                looked_at += 1;
                match is_right(cairn, session, at + place as u32, row, &proof).await? {
                    Some(true) => {
                        proven.push((place, row));
                        RowState::Have
                    }
                    Some(false) => {
                        cairn.dedup.was_wrong(session.owner, now);
                        RowState::Need
                    }
                    None => RowState::Need,
                }
            }
            Some(_) | None if cairn.dedup.offer(session.id, session.owner, row.digest, now) => {
                RowState::Prove
            }
            Some(_) | None => RowState::Need,
        };
    }
    adopt(cairn, session, declared, &proven, states).await
}

/// The session holds what is proven. What was deleted meanwhile is needed; what stands in other rows too is there as well.
async fn adopt(
    cairn: &Cairn,
    session: &Session,
    declared: &[Declared],
    proven: &[(usize, Row)],
    states: &mut [RowState],
) -> Answer<()> {
    if proven.is_empty() {
        return Ok(());
    }
    let rows = proven.iter().map(|(_, row)| *row).collect();
    let held = cairn.meta.adopt(session.id, rows, cairn.sure_now()).await?;
    let mut adopted = HashSet::new();
    for ((place, row), held) in proven.iter().zip(held) {
        if held {
            adopted.insert(row.digest);
        } else {
            states[*place] = RowState::Need;
        }
    }
    for (state, declared) in states.iter_mut().zip(declared) {
        if *state == RowState::Prove && adopted.contains(&declared.digest) {
            cairn.dedup.settle(session.id, declared.digest);
            *state = RowState::Have;
        }
    }
    cairn.follower.wake(session.id);
    Ok(())
}

/// Reads the chunk, and compares. It is verified anew on the way: before anybody relies on it, its bytes are what its digest
/// says. Nothing where they are not.
async fn is_right(
    cairn: &Cairn,
    session: &Session,
    index: u32,
    row: Row,
    proof: &Proof,
) -> Answer<Option<bool>> {
    let _turn = cairn.dedup.turn().await?;
    let key = ProofKey::of_session(&cairn.secret.session_key(session.id)).of_row(index, row);
    let (mut prover, mut sha256) = (Prover::new(&key), Sha256::new());
    let mut content = match Content::open(&cairn.stores(), row.digest, 0, READ_BYTES).await {
        Ok(content) => content,
        Err(StoreError::Damaged(_) | StoreError::Away(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    loop {
        match content.read().await {
            Ok(Some(bytes)) => {
                prover.update(&bytes);
                sha256.update(&bytes);
            }
            Ok(None) => break,
            Err(StoreError::Damaged(_) | StoreError::Away(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    if sha256.finalize()[..] != row.digest.as_bytes()[..] {
        content.condemn().await;
        return Ok(None);
    }
    Ok(Some(prover.is_proven_by(proof)))
}
