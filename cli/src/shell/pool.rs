//! The memory that chunks lie in, used again and again. Had each chunk memory of its own, a fifth of what reading and cutting take would go into
//! pages that the kernel makes and clears for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Memory comes in multiples of this, in bytes: so it fits more often than to one chunk.
const STEP_BYTES: usize = 256 * 1_024;
/// Kept for later, in bytes: as much as the engine lets readers hold.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// Where memory comes from and goes back to; clones share it.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// A copy of these bytes; its memory comes back once nobody has it any more.
    pub(super) fn copy(&self, bytes: &[u8]) -> Bytes {
        let mut memory = self.take(bytes.len());
        memory.extend_from_slice(bytes);
        Bytes::from_owner(Lent { memory, pool: self.clone() })
    }

    fn take(&self, length: usize) -> Vec<u8> {
        let mut kept = self.lock();
        // What was used last lies in the processor's caches. Memory that is too short makes way.
        let found = kept.iter().rposition(|memory| memory.capacity() >= length);
        let memory = found.or_else(|| kept.len().checked_sub(1)).map(|at| kept.remove(at));
        drop(kept);
        match memory {
            Some(memory) if found.is_some() => memory,
            _ => Vec::with_capacity(length.next_multiple_of(STEP_BYTES)),
        }
    }

    fn give_back(&self, mut memory: Vec<u8>) {
        memory.clear();
        let mut kept = self.lock();
        let bytes: usize = kept.iter().map(Vec::capacity).sum();
        if bytes + memory.capacity() <= KEPT_BYTES_MAX {
            kept.push(memory);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory that is out.
struct Lent {
    memory: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn kept(pool: &Pool) -> Vec<usize> {
        pool.lock().iter().map(Vec::capacity).collect()
    }

    #[test]
    fn memory_that_came_back_is_used_again() {
        let pool = Pool::default();
        let first = pool.copy(&vec![1; MIB]);
        let at = first.as_ptr();
        let part = first.slice(10..20);
        drop(first);
        assert!(kept(&pool).is_empty(), "a part of it is out");
        drop(part);
        let second = pool.copy(&vec![2; MIB - 1]);
        assert_eq!((second.as_ptr(), &second[..]), (at, &vec![2; MIB - 1][..]));
        // Of what is too short nothing stays that would only be in the way.
        drop(second);
        drop(pool.copy(&vec![3; 2 * MIB]));
        assert_eq!(kept(&pool), [2 * MIB]);
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let pool = Pool::default();
        let out: Vec<Bytes> = (0..40).map(|_| pool.copy(&vec![0; MIB])).collect();
        drop(out);
        assert_eq!(kept(&pool).iter().sum::<usize>(), KEPT_BYTES_MAX);
    }
}
