//! Invocations of programs other than cargo.

use std::io::{self, Read};
use std::process::{Command, Stdio};

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) succeeded: bool,
    /// What it printed, errors among it.
    pub(crate) output: String,
}

/// Runs it to its end, with nothing to read.
pub(crate) fn captured(mut command: Command) -> Ended {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = io::pipe().and_then(|(mut reader, writer)| {
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        // It holds our ends of the pipe, without which reading ends with the child.
        drop(command);
        let mut output = Vec::new();
        reader.read_to_end(&mut output)?;
        let succeeded = child.wait()?.success();
        Ok(Ended { succeeded, output: String::from_utf8_lossy(&output).into_owned() })
    });
    ended.unwrap_or_else(|error| Ended { succeeded: false, output: format!("{name} could not be run: {error}\n") })
}

/// Runs it with its output streamed; true when it succeeded.
pub(crate) fn streamed(mut command: Command) -> bool {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().inspect_err(|error| eprintln!("{name} could not be run: {error}"));
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_are_captured_in_the_order_in_which_they_were_written() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let ended = captured(shell);
        assert_eq!((ended.succeeded, ended.output.as_str()), (false, "one\ntwo\nthree\n"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let ended = captured(Command::new("/nowhere/at-all"));
        assert!(!ended.succeeded);
        assert!(ended.output.starts_with("/nowhere/at-all could not be run: "), "{}", ended.output);
    }
}
