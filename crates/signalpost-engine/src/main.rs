//! The executable `signalpost`.

use std::process::ExitCode;

use clap::Parser;
use signalpost_engine::EngineCommand;

fn main() -> ExitCode {
    match EngineCommand::parse() {
        EngineCommand::Worker(options) => signalpost_engine::work(options),
        EngineCommand::Leash(leash) => signalpost_engine::hold(&leash),
    }
}
