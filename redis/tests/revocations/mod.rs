//! Revocations that processes share. Each node is one process' part, with a connection of its own.

mod absences;
mod clocks;
mod entries;
mod losses;
mod outages;
mod processes;
mod settings;
mod sharing;
mod signals;
