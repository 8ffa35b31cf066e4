//! Rubitime adapter.
