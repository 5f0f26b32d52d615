//! `cargo xtask postgres`: a server for as long as this runs.

use signalpost_postgres_server::{Server, ServerError, TEST_POSTGRES};

fn main() -> Result<(), ServerError> {
    let server = Server::start()?;
    println!("PostgreSQL {} is running. In another terminal:\n", server.version());
    println!("    export {TEST_POSTGRES}='{}'", server.url("postgres"));
    println!("    cargo test -p signalpost-store --all-features -- --include-ignored\n");
    println!("It logs to {}. Ctrl-C stops it and removes its files.", server.log_file().display());
    // The end of this process is the end of the server.
    loop {
        std::thread::park();
    }
}
