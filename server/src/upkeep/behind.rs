//! A thread for work that nobody waits for: it gives way to everybody else's.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime;
use tokio::sync::oneshot;

/// The lowest that Linux has: beside a thread of the usual priority it gets one part in seventy (sched(7)).
const NICENESS: i32 = 19;

/// Work on a thread of its own. It ends, at its next wait, with the value that stands for it.
pub(crate) struct Behind {
    thread: JoinHandle<()>,
    _stop: oneshot::Sender<()>,
}

impl Behind {
    /// Begins. What the work gives to blocking threads has the same priority: those are its runtime's own.
    pub(crate) fn spawn(name: &str, work: impl Future<Output = ()> + Send + 'static) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Where it may not, it is as fast as the others.
            let _ = rustix::process::nice(NICENESS);
            runtime.block_on(async {
                tokio::select! {
                    () = work => {}
                    _ = stopped => {}
                }
            });
            // A blocking operation that hangs ends by itself, or never.
            runtime.shutdown_background();
        })?;
        Ok(Self { thread, _stop: stop })
    }

    /// Ends the work and waits until it holds nothing any more.
    pub(crate) async fn stop(self) {
        let Self { thread, _stop: stop } = self;
        drop(stop);
        // A panic there was told by its own message.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn it_gives_way_with_all_of_its_threads() {
        // Linux tells that of the thread that asks (sched(7)).
        let own = getpriority_process(None).unwrap();
        let (tell, told) = oneshot::channel();
        let behind = Behind::spawn("behind", async move {
            let here = getpriority_process(None).unwrap();
            let there = tokio::task::spawn_blocking(|| getpriority_process(None).unwrap()).await.unwrap();
            tell.send((here, there)).unwrap();
        });
        let behind = behind.unwrap();
        assert_eq!(told.await.unwrap(), (NICENESS, NICENESS));
        behind.stop().await;
        assert_eq!(getpriority_process(None).unwrap(), own);
    }
}
