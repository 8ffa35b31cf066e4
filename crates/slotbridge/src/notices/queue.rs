//! A bounded queue whose writers never wait: when it is full, the oldest goes, and is handed back to be counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The queue. One reader, any number of writers.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Notify,
    limit: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// An empty queue for at most so many.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                closed: false,
            }),
            changed: Notify::new(),
            limit,
        }
    }

    /// Adds one; gives what had to go for it. After [`Self::close`] that is the new one itself.
    pub(crate) fn push(&self, one: T) -> Option<T> {
        let mut state = self.state();
        if state.closed {
            return Some(one);
        }
        state.waiting.push_back(one);
        let dropped = if state.waiting.len() > self.limit {
            state.waiting.pop_front()
        } else {
            None
        };
        drop(state);
        self.changed.notify_one();
        dropped
    }

    /// Takes nothing more; what waits can still be read.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// Whether nothing more is taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// The oldest that waits, once there is one; `None` when the queue is closed and empty. May be dropped at any
    /// point.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            {
                let mut state = self.state();
                if let Some(one) = state.waiting.pop_front() {
                    return Some(one);
                }
                if state.closed {
                    return None;
                }
            }
            // A push in between has left its permit.
            self.changed.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_goes_when_it_is_full_and_the_rest_keeps_its_order() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(1), None);
        assert_eq!(queue.push(2), None);
        assert_eq!(queue.push(3), Some(1));
        queue.close();
        assert_eq!(queue.push(4), Some(4));
        assert_eq!(queue.next().await, Some(2));
        assert_eq!(queue.next().await, Some(3));
        assert_eq!(queue.next().await, None);
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn a_reader_that_waits_gets_what_comes() {
        let queue = std::sync::Arc::new(Queue::new(2));
        let reader = tokio::spawn({
            let queue = std::sync::Arc::clone(&queue);
            async move { (queue.next().await, queue.next().await) }
        });
        tokio::task::yield_now().await;
        queue.push(7);
        tokio::task::yield_now().await;
        queue.close();
        assert_eq!(reader.await.unwrap(), (Some(7), None));
    }
}
