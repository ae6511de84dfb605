//! The memory that chunks lie in, used again and again. Had each chunk memory of its own, a fifth of what reading and cutting take would go into
//! pages that the kernel makes and clears for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Memory comes in multiples of this, in bytes: so it fits more often than to one chunk.
const STEP_BYTES: usize = 256 * 1_024;
/// In use and kept for later, in bytes: with more in use nothing is kept. As much as the engine lets readers hold, and what it is rounded up by.
const BYTES_MAX: usize = 48 << 20;

/// Where memory comes from and goes back to; clones share it.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    /// What was used last, and lies in the processor's caches, at the end.
    kept: Vec<Vec<u8>>,
    /// What is kept and what is out, in bytes.
    bytes: usize,
}

impl Pool {
    /// A copy of these bytes; its memory comes back once nobody has it any more.
    pub(super) fn copy(&self, bytes: &[u8]) -> Bytes {
        let mut memory = self.take(bytes.len());
        memory.extend_from_slice(bytes);
        Bytes::from_owner(Lent { memory, pool: self.clone() })
    }

    fn take(&self, length: usize) -> Vec<u8> {
        let wanted = length.next_multiple_of(STEP_BYTES);
        let mut memory = self.lock();
        // What is much longer would be wasted on this.
        let fits = |kept: &Vec<u8>| (wanted..=wanted + wanted / 2).contains(&kept.capacity());
        if let Some(at) = memory.kept.iter().rposition(fits) {
            return memory.kept.remove(at);
        }
        memory.bytes += wanted;
        // Where all that may be is there, what was not wanted for the longest time goes.
        let mut gone = Vec::new();
        while memory.bytes > BYTES_MAX && !memory.kept.is_empty() {
            let unwanted = memory.kept.remove(0);
            memory.bytes -= unwanted.capacity();
            gone.push(unwanted);
        }
        drop(memory);
        drop(gone);
        Vec::with_capacity(wanted)
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut memory = self.lock();
        if memory.bytes <= BYTES_MAX {
            memory.kept.push(bytes);
        } else {
            memory.bytes -= bytes.capacity();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
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
        pool.lock().kept.iter().map(Vec::capacity).collect()
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
    }

    #[test]
    fn what_is_much_too_long_is_left_to_others() {
        let pool = Pool::default();
        drop(pool.copy(&vec![0; 4 * MIB]));
        let short = pool.copy(&[0; 1]);
        assert_eq!(kept(&pool), [4 * MIB]);
        drop(short);
        assert_eq!(kept(&pool), [4 * MIB, STEP_BYTES]);
    }

    /// Of all lengths, a good part out at a time, more than may be at the end.
    #[test]
    fn no_more_is_kept_than_may_be() {
        let pool = Pool::default();
        let bytes = vec![0; 4 * MIB];
        let mut out = std::collections::VecDeque::new();
        for number in 0..2_000_usize {
            out.push_back(pool.copy(&bytes[..number * 2_654_435_761 % (4 * MIB) + 1]));
            let held: usize = out.iter().map(Bytes::len).sum();
            if held > 28 * MIB {
                out.pop_front();
            }
            assert!(pool.lock().bytes <= BYTES_MAX, "{number}");
        }
        out.extend((0..16).map(|_| pool.copy(&bytes)));
        assert!(kept(&pool).is_empty());
        out.clear();
        assert_eq!(kept(&pool).iter().sum::<usize>(), pool.lock().bytes);
        assert!(pool.lock().bytes <= BYTES_MAX);
    }
}
