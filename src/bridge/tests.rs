//! The bridge on a real store and bus.
