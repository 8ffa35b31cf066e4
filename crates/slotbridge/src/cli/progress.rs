//! A progress bar on standard error for work that takes longer than a second; none where nobody looks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use slotbridge_core::model::BridgeName;
use slotbridge_engine::bridge::{Phase, Progress};

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// The bars of a run. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    all: MultiProgress,
    shown: bool,
    began: Arc<Mutex<Option<Instant>>>,
    by_bridge: Arc<Mutex<BTreeMap<BridgeName, ProgressBar>>>,
}

impl Bars {
    /// Shown on a terminal only.
    pub(crate) fn new(terminal: bool) -> Self {
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            all: MultiProgress::with_draw_target(target),
            shown: terminal,
            began: Arc::default(),
            by_bridge: Arc::default(),
        }
    }

    /// Does something with standard output or standard error while no bar is drawn.
    pub(crate) fn suspend<T>(&self, action: impl FnOnce() -> T) -> T {
        if self.shown {
            self.all.suspend(action)
        } else {
            action()
        }
    }

    /// Takes all bars away.
    pub(crate) fn clear(&self) {
        let mut bars = self
            .by_bridge
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for bar in bars.values() {
            bar.finish_and_clear();
        }
        bars.clear();
    }

    fn patient(&self) -> bool {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        began.get_or_insert_with(Instant::now).elapsed() < PATIENCE
    }
}

impl Progress for Bars {
    fn step(&self, bridge: &BridgeName, phase: Phase, done: u64, total: u64) {
        if !self.shown || self.patient() {
            return;
        }
        let mut bars = self
            .by_bridge
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let doing = match phase {
            Phase::Observe => "reading",
            Phase::Execute => "writing",
        };
        let bar = bars.entry(bridge.clone()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(total));
            bar.set_style(style());
            bar.set_prefix(bridge.to_string());
            bar.set_message(doing);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        bar.set_message(doing);
        bar.set_length(total);
        bar.set_position(done);
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix} {msg} {wide_bar} {pos}/{len} {elapsed}")
        .expect("the template is valid")
}
