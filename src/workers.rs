//! The threads that serve connections, one for each processor that the program may use.
//!
//! Each runs a scheduler of its own, and a connection stays with one of them for as long as it lives, with everything that is done for it:
//! so what a request touches, here and in the kernel, is in one processor's cache, and nobody is woken to take another's work. Handing
//! tasks about between threads costs a warm request more than all that is done to it.
//!
//! Whatever is nobody's connection runs where the program was started: listeners, the admin listener, and what goes on in the background.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// Threads that wait for files or names are needed for moments, and each holds memory while it stays.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// How many threads serve connections: as many as there are processors within the limits of the container.
#[must_use]
pub fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Which of them the calling thread is: from 1 to [`count`], and 0 for a thread that is none of them.
#[must_use]
pub fn here() -> usize {
    HERE.get()
}

/// The settings of every scheduler of the program: one thread, timers and sockets.
#[must_use]
pub fn scheduler() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.thread_keep_alive(KEEP_ALIVE).enable_all();
    builder
}

/// The threads; cheap to clone. They end, and what still runs on them is dropped, when the last clone is.
#[derive(Clone, Debug)]
pub struct Workers(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    runtimes: Vec<Handle>,
    end: CancellationToken,
}

impl Workers {
    /// Starts [`count`] threads.
    ///
    /// # Errors
    /// When the system gives no more threads or file descriptors.
    pub fn start() -> io::Result<Self> {
        let mut threads = Threads {
            runtimes: Vec::new(),
            end: CancellationToken::new(),
        };
        for number in 1..=count() {
            let runtime = scheduler().build()?;
            let handle = runtime.handle().clone();
            let end = threads.end.clone();
            std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    HERE.set(number);
                    runtime.block_on(end.cancelled());
                    // Nobody waits for a thread that waits for the disk.
                    runtime.shutdown_background();
                })?;
            threads.runtimes.push(handle);
        }
        Ok(Self(Arc::new(threads)))
    }

    /// Shares connections out among the threads.
    #[must_use]
    pub fn share(&self) -> Shares {
        let runtimes = self.0.runtimes.iter();
        Shares {
            workers: runtimes.cloned().map(Worker::of).collect(),
            own: Worker::of(Handle::current()),
            _threads: Some(self.clone()),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

/// One listener's connections, shared out evenly. Each listener counts its own: a gateway's few connections carry as much as
/// thousands of clients', and must not all go where those clients happen to be few.
#[derive(Debug)]
pub struct Shares {
    workers: Vec<Worker>,
    /// The thread that accepts, where there are no others.
    own: Worker,
    /// The threads stay as long as somebody accepts.
    _threads: Option<Workers>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
}

impl Worker {
    fn of(runtime: Handle) -> Self {
        Self {
            runtime,
            connections: Arc::default(),
        }
    }
}

impl Shares {
    /// Everything to the thread that asks.
    #[must_use]
    pub fn none() -> Self {
        Self {
            workers: Vec::new(),
            own: Worker::of(Handle::current()),
            _threads: None,
        }
    }

    /// Has the thread with the fewest connections serve this one, as one of `tasks`. What is served holds its [`Share`].
    ///
    /// # Errors
    /// When the kernel watches no more sockets; then the connection is closed.
    pub fn hand_over<F>(
        &self,
        stream: std::net::TcpStream,
        tasks: &TaskTracker,
        serve: impl FnOnce(TcpStream, Share) -> F,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let load = |worker: &&Worker| worker.connections.load(Ordering::Relaxed);
        let worker = self.workers.iter().min_by_key(load);
        let Worker {
            runtime,
            connections,
        } = worker.unwrap_or(&self.own);
        let stream = {
            // Whose reactor is to know it.
            let _entered = runtime.enter();
            TcpStream::from_std(stream)?
        };
        connections.fetch_add(1, Ordering::Relaxed);
        tasks.spawn_on(serve(stream, Share(Arc::clone(connections))), runtime);
        Ok(())
    }
}

/// A connection's part in its thread's count, until this is dropped.
#[derive(Debug)]
pub struct Share(Arc<AtomicUsize>);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, TcpListener};

    use tokio::sync::mpsc;

    use super::*;

    /// Both ends of a connection; one of them not watched by anybody.
    fn connection(listener: &TcpListener) -> (std::net::TcpStream, std::net::TcpStream) {
        let far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (near, far)
    }

    #[tokio::test]
    async fn connections_are_shared_out_evenly_and_stay_where_they_are() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let workers = Workers::start().unwrap();
        let (shares, tasks) = (workers.share(), TaskTracker::new());
        let (told, mut tells) = mpsc::unbounded_channel();
        let mut fars = Vec::new();
        for _ in 0..3 * count() {
            let (near, far) = connection(&listener);
            let told = told.clone();
            let serve = |mut stream: TcpStream, share: Share| async move {
                let first = here();
                told.send((first, None)).unwrap();
                let mut nothing = [0];
                let _closed = tokio::io::AsyncReadExt::read(&mut stream, &mut nothing).await;
                drop(share);
                told.send((first, Some(here()))).unwrap();
            };
            shares.hand_over(near, &tasks, serve).unwrap();
            fars.push(far);
        }
        let mut each = BTreeMap::<usize, usize>::new();
        for _ in 0..3 * count() {
            let (first, _) = tells.recv().await.unwrap();
            *each.entry(first).or_default() += 1;
        }
        let even: BTreeMap<_, _> = (1..=count()).map(|worker| (worker, 3)).collect();
        assert_eq!(each, even);
        drop(fars.remove(0));
        let (free, then) = tells.recv().await.unwrap();
        assert_eq!(then, Some(free));
        // The one that has fewer now.
        let (near, _far) = connection(&listener);
        let told = told.clone();
        let serve = |_stream, _share| async move { told.send((here(), None)).unwrap() };
        shares.hand_over(near, &tasks, serve).unwrap();
        assert_eq!(tells.recv().await, Some((free, None)));
    }

    #[tokio::test]
    async fn what_runs_is_dropped_when_nobody_has_the_threads() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let workers = Workers::start().unwrap();
        let tasks = TaskTracker::new();
        let (held, mut dropped) = mpsc::channel::<()>(1);
        let (near, _far) = connection(&listener);
        let serve = |stream, share| async move {
            let _held = (stream, share, held);
            std::future::pending().await
        };
        let shares = workers.share();
        shares.hand_over(near, &tasks, serve).unwrap();
        drop(workers);
        assert!(
            dropped
                .try_recv()
                .is_err_and(|error| error == mpsc::error::TryRecvError::Empty)
        );
        drop(shares);
        assert_eq!(dropped.recv().await, None);
    }

    #[tokio::test]
    async fn without_threads_the_accepting_one_serves() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (told, mut tells) = mpsc::unbounded_channel();
        let (near, _far) = connection(&listener);
        let serve = |_stream, _share| async move { told.send(here()).unwrap() };
        Shares::none()
            .hand_over(near, &TaskTracker::new(), serve)
            .unwrap();
        assert_eq!(tells.recv().await, Some(0));
    }
}
