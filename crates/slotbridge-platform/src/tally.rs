//! Counting the calls that one piece of work makes, whatever else the account is called for meanwhile.

use std::cell::Cell;
use std::future::Future;

tokio::task_local! {
    static CALLS: Cell<u64>;
}

/// Does the work and says how many exchanges with platforms it took, repeated ones included. Work that it hands to other
/// tasks is not counted, nor what an inner `counted` has counted.
pub async fn counted<F: Future>(work: F) -> (F::Output, u64) {
    let counting = async {
        let output = work.await;
        (output, CALLS.with(Cell::get))
    };
    CALLS.scope(Cell::new(0), counting).await
}

/// One exchange begins.
pub(crate) fn note() {
    // Where nobody counts, nobody wants to know.
    if CALLS
        .try_with(|calls| calls.set(calls.get().saturating_add(1)))
        .is_err()
    {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_piece_of_work_counts_its_own_exchanges() {
        note();
        let work = |exchanges: u64| async move {
            for _ in 0..exchanges {
                note();
                tokio::task::yield_now().await;
            }
            "done"
        };
        let (one, other) = tokio::join!(counted(work(3)), counted(work(5)));
        assert_eq!((one, other), (("done", 3), ("done", 5)));
    }
}
