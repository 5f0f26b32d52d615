//! Frames: what goes through a child's socket, in both directions.
//!
//! A frame is a length (4 bytes, little-endian), then as many bytes: one that says its kind, and its body.

/// The longest frame, without its length.
pub const MAX_FRAME: usize = 64 << 20;

const LENGTH: usize = 4;
/// How much of a buffer may be empty at its beginning before what is left is moved there.
const WASTE: usize = 64 << 10;

/// Why what was read is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes was announced, and 1 to {MAX_FRAME} are allowed")]
pub struct WrongLength(pub usize);

/// Takes bytes as they come, and gives frames.
///
/// It holds what has come and was not yet taken, and no more: memory is not taken for what is only announced.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
    /// Where what was not yet taken begins.
    at: usize,
}

impl FrameReader {
    /// What has come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        } else if self.at > WASTE && self.at > self.bytes.len() / 2 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame's kind and body; `None` when it has not come whole.
    ///
    /// # Errors
    ///
    /// [`WrongLength`], as soon as the length has come, and from then on each time: nothing behind it can be trusted.
    pub fn next_frame(&mut self) -> Result<Option<(u8, &[u8])>, WrongLength> {
        let rest = &self.bytes[self.at..];
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_FRAME {
            return Err(WrongLength(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.at += LENGTH + length;
        Ok(rest[..length].split_first().map(|(kind, body)| (*kind, body)))
    }
}

/// A frame of which the body is still being written; several can stand one behind the other in one buffer.
#[derive(Debug)]
pub struct FrameWriter<'a> {
    buffer: &'a mut Vec<u8>,
    begin: usize,
}

impl<'a> FrameWriter<'a> {
    /// Begins a frame at the end of `buffer`.
    pub fn begin(buffer: &'a mut Vec<u8>, kind: u8) -> Self {
        let begin = buffer.len();
        buffer.extend_from_slice(&[0; LENGTH]);
        buffer.push(kind);
        Self { buffer, begin }
    }

    /// Where the body is written.
    pub fn body(&mut self) -> &mut Vec<u8> {
        self.buffer
    }

    /// How long the frame has become.
    pub fn written(&self) -> usize {
        self.buffer.len() - self.begin - LENGTH
    }

    /// Completes the frame.
    ///
    /// # Errors
    ///
    /// [`WrongLength`] when it has become too long: it is taken out of the buffer again.
    pub fn end(self) -> Result<(), WrongLength> {
        let length = self.written();
        match u32::try_from(length) {
            Ok(announced) if length <= MAX_FRAME => {
                self.buffer[self.begin..self.begin + LENGTH].copy_from_slice(&announced.to_le_bytes());
                Ok(())
            }
            _ => {
                self.buffer.truncate(self.begin);
                Err(WrongLength(length))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut buffer = Vec::new();
        for (kind, body) in frames {
            let mut frame = FrameWriter::begin(&mut buffer, *kind);
            frame.body().extend_from_slice(body);
            frame.end().unwrap();
        }
        buffer
    }

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<(u8, Vec<u8>)>, WrongLength> {
        let (mut reader, mut found) = (FrameReader::default(), Vec::new());
        for piece in bytes.chunks(piece.max(1)) {
            reader.push(piece);
            while let Some((kind, body)) = reader.next_frame()? {
                found.push((kind, body.to_vec()));
            }
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn frames_arrive_as_they_were_written_however_they_are_cut(
            frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
            piece in 1..300_usize,
        ) {
            prop_assert_eq!(read(&written(&frames), piece).unwrap(), frames);
        }

        #[test]
        fn whatever_bytes_come_the_reader_neither_panics_nor_takes_memory_for_what_has_not_come(
            bytes in prop::collection::vec(any::<u8>(), 0..4_000),
            piece in 1..300_usize,
        ) {
            let mut reader = FrameReader::default();
            for piece in bytes.chunks(piece) {
                reader.push(piece);
                while let Ok(Some(_)) = reader.next_frame() {}
            }
            prop_assert!(reader.bytes.capacity() <= 8_192);
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_told_before_anything_else_has_come_and_ever_after() {
        for length in [0, u32::try_from(MAX_FRAME).unwrap() + 1, u32::MAX] {
            let mut reader = FrameReader::default();
            reader.push(&length.to_le_bytes());
            assert_eq!(reader.next_frame(), Err(WrongLength(length as usize)));
            reader.push(b"more");
            assert_eq!(reader.next_frame(), Err(WrongLength(length as usize)));
        }
    }

    #[test]
    fn what_was_taken_is_let_go_of() {
        let mut reader = FrameReader::default();
        let frame = written(&[(b'x', vec![0; 10_000])]);
        for _ in 0..1_000 {
            // Never empty: half a frame is always on the way.
            reader.push(&frame[..5_000]);
            while reader.next_frame().unwrap().is_some() {}
            reader.push(&frame[5_000..]);
        }
        assert!(reader.bytes.capacity() < 1 << 20, "{}", reader.bytes.capacity());
    }
}
