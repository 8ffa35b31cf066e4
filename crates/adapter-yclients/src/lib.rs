//! YCLIENTS adapter.
