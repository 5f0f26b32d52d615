//! Standard error, written by a thread of its own: whoever reads it slowly, or not at all, holds up nobody else.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many lines wait to be written. What comes then is left out, and counted.
const MOST: usize = 1_024;
/// How long the end waits for a reader.
const WAITS_AT_MOST: Duration = Duration::from_secs(1);

static VOICE: LazyLock<Voice> = LazyLock::new(|| Voice::over(io::stderr()));

/// Says a line, soon. Where nobody reads standard error any more, nobody hears it: that must not end the engine.
pub(crate) fn say(line: &str) {
    VOICE.say(line, MOST);
}

/// Says the last line, if there is one, and waits a moment for all of them to be written.
pub(crate) fn say_last(line: Option<&str>) {
    if let Some(line) = line {
        VOICE.say(line, usize::MAX);
    }
    VOICE.wait(WAITS_AT_MOST);
}

#[derive(Debug, Clone, Default)]
struct Voice(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    waiting: VecDeque<String>,
    left_out: u64,
    is_writing: bool,
}

impl Voice {
    fn over(out: impl Write + Send + 'static) -> Self {
        let voice = Self::default();
        let writing = voice.clone();
        // Without the thread the lines wait in vain, and nothing else does.
        let _ = std::thread::Builder::new().name("voice".to_owned()).spawn(move || writing.write(out));
        voice
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, line: &str, most: usize) {
        let mut lines = self.lines();
        if lines.waiting.len() >= most {
            lines.left_out += 1;
        } else {
            lines.waiting.push_back(format!("{line}\n"));
            self.0.1.notify_all();
        }
    }

    fn wait(&self, at_most: Duration) {
        let is_busy = |lines: &mut Lines| lines.is_writing || !lines.waiting.is_empty();
        drop(self.0.1.wait_timeout_while(self.lines(), at_most, is_busy));
    }

    fn write(&self, mut out: impl Write) {
        loop {
            let lines = self.0.1.wait_while(self.lines(), |lines| lines.waiting.is_empty());
            let mut lines = lines.unwrap_or_else(PoisonError::into_inner);
            let line = lines.waiting.pop_front().unwrap_or_default();
            let left_out = std::mem::take(&mut lines.left_out);
            lines.is_writing = true;
            drop(lines);
            let _ = out.write_all(line.as_bytes());
            if left_out > 0 {
                let line =
                    format!("signalpost: {left_out} lines were left out, as nobody has read the others in time\n");
                let _ = out.write_all(line.as_bytes());
            }
            self.lines().is_writing = false;
            self.0.1.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Each write says what is written, and waits for a word.
    struct Slow(Sender<String>, Receiver<()>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            let _ = self.1.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_speaks_does_not_wait_for_who_reads() {
        let ((told, written), (go_on, word)) = (channel(), channel());
        let voice = Voice::over(Slow(told, word));
        voice.say("first", MOST);
        assert_eq!(written.recv().unwrap(), "first\n");
        // It is being written, and so does not wait any more.
        for number in 0..MOST + 7 {
            voice.say(&number.to_string(), MOST);
        }
        voice.wait(Duration::ZERO);
        drop(go_on);
        voice.wait(Duration::from_secs(60));
        let rest: Vec<String> = written.try_iter().collect();
        assert_eq!(rest.iter().filter(|line| line.len() < 6).count(), MOST);
        assert!(rest.concat().contains("7 lines were left out"), "{rest:?}");
    }
}
