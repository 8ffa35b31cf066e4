//! The daemon with nothing to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use slotbridge_engine::bridge::Mode;
use slotbridge_engine::daemon::{Daemon, Handle, Setup};
use slotbridge_engine::event::{Event, Listener, LookKind};
use slotbridge_platform::seam::Seam;
use slotbridge_platform::testing::VirtualSeam;
use slotbridge_store::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bulk::{self, Bulk};

#[derive(Debug, Default)]
struct Ear(Mutex<Heard>);

#[derive(Debug, Default, Clone, Copy)]
struct Heard {
    sweeps: u64,
    near: u64,
    runs: u64,
}

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        let mut heard = self.0.lock().unwrap();
        match event {
            Event::Looked {
                look: LookKind::Sweep,
                trouble: None,
                ..
            } => heard.sweeps += 1,
            Event::Looked {
                look: LookKind::Near,
                trouble: None,
                ..
            } => heard.near += 1,
            Event::Ran { .. } => heard.runs += 1,
            _ => {}
        }
    }
}

/// Wall and processor time of one virtual hour after the first sweeps and runs, in milliseconds, and that of one near
/// look. The hour ends before the whole bridge is worked on again.
pub(crate) fn hour(store: Store, platforms: &[Arc<Bulk>]) -> (f64, f64, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let seam: Arc<dyn Seam> = Arc::new(VirtualSeam::new(bulk::now(), 7));
        let (handle, requests) = Handle::new();
        let (reload, reloads) = mpsc::channel(1);
        let ear = Arc::new(Ear::default());
        let shutdown = CancellationToken::new();
        let daemon = Daemon {
            store,
            seam,
            setup: Setup {
                bridges: vec![bulk::bridge(platforms)],
                quotas: BTreeMap::new(),
            },
            mode: Mode::Apply,
            listener: Arc::clone(&ear) as Arc<dyn Listener>,
            handle,
            requests,
            reloads,
        };
        let running = tokio::spawn(daemon.run(shutdown.clone()));
        let heard = || *ear.0.lock().unwrap();
        while heard().sweeps < 2 || heard().runs == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_mins(2)).await;
        let (before, began, cpu) = (heard(), Instant::now(), cpu_time());
        tokio::time::sleep(Duration::from_mins(55)).await;
        let wall = began.elapsed().as_secs_f64() * 1_000.0 / 55.0 * 60.0;
        let cpu = (cpu_time() - cpu) * 1_000.0 / 55.0 * 60.0;
        let looks = heard().near - before.near;
        shutdown.cancel();
        running.await.unwrap().unwrap();
        drop(reload);
        (wall, cpu, cpu / looks.max(1) as f64)
    })
}

/// Processor time of this thread, which does all the work here, in seconds.
fn cpu_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    let nanos: u64 = stat.split_whitespace().next().unwrap().parse().unwrap();
    nanos as f64 / 1e9
}
