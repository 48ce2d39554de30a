//! Tests of heads, masks and close frames.

use proptest::prelude::*;

use super::*;

fn refused(sender: Sender, bytes: &[u8]) {
    assert_eq!(Head::read(bytes, sender), Err(Broken), "{bytes:02x?}");
}

fn framed(opcode: Opcode, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, opcode, key, payload);
    out
}

#[test]
fn reserved_bits_and_unknown_opcodes_are_refused_at_the_first_byte() {
    for first in [0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f] {
        refused(Sender::Server, &[first]);
    }
}

#[test]
fn clients_must_mask_and_servers_must_not() {
    refused(Sender::Client, &[0x81, 0x02]);
    refused(Sender::Server, &[0x81, 0x82]);
}

#[test]
fn control_frames_are_whole_and_short() {
    refused(Sender::Server, &[0x09]);
    refused(Sender::Server, &[0x08]);
    refused(Sender::Server, &[0x89, 126, 0, 126]);
}

#[test]
fn lengths_come_in_their_shortest_form_and_in_63_bits() {
    refused(Sender::Server, &[0x81, 126, 0, 125]);
    refused(Sender::Server, &[0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
    refused(Sender::Server, &[0x81, 127, 0x80, 0, 0, 0, 0, 1, 0, 0]);
    let long = [0x81, 127, 0x7f, 0, 0, 0, 0, 1, 0, 0];
    let head = Head::read(&long, Sender::Server).unwrap().unwrap();
    assert_eq!(head.length, 0x7f00_0000_0001_0000);
}

#[test]
fn close_frames_carry_a_known_code_and_a_reason_in_utf8_or_nothing() {
    for code in [1000_u16, 1001, 1003, 1007, 1011, 1013, 3000, 4401, 4999] {
        assert_eq!(check_close(&code.to_be_bytes()), Ok(()), "{code}");
    }
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        assert_eq!(check_close(&code.to_be_bytes()), Err(Broken), "{code}");
    }
    assert_eq!(check_close(b""), Ok(()));
    assert_eq!(check_close(b"\x03"), Err(Broken));
    assert_eq!(check_close(b"\x03\xe8bye"), Ok(()));
    assert_eq!(check_close(b"\x03\xe8\xff"), Err(Broken));
}

#[test]
fn our_close_frames_are_proper_ones() {
    for (code, number) in [
        (CloseCode::GoingAway, 1001),
        (CloseCode::Protocol, 1002),
        (CloseCode::Unsupported, 1003),
        (CloseCode::Invalid, 1007),
        (CloseCode::TooLarge, 1009),
        (CloseCode::Internal, 1011),
        (CloseCode::TryAgain, 1013),
        (CloseCode::SessionEnded, 4401),
    ] {
        let frame = code.frame();
        let head = Head::read(&frame, Sender::Server).unwrap().unwrap();
        assert_eq!((head.opcode, head.length), (Opcode::Close, 2));
        assert_eq!(frame[2..], u16::to_be_bytes(number));
        assert_eq!(check_close(&frame[2..]), Ok(()));
    }
}

proptest! {
    #[test]
    fn a_written_frame_is_read_back(
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(any::<u8>(), 65_530..65_540),
        ],
        key in any::<Option<[u8; 4]>>(),
    ) {
        let sender = if key.is_some() { Sender::Client } else { Sender::Server };
        let mut frame = framed(Opcode::Text, key, &payload);
        let head = Head::read(&frame, sender).unwrap().unwrap();
        for cut in 0..head.size {
            prop_assert_eq!(Head::read(&frame[..cut], sender), Ok(None));
        }
        prop_assert_eq!(head.key, key);
        prop_assert_eq!(head.length, payload.len() as u64);
        if let Some(key) = key {
            mask(&mut frame[head.size..], key);
        }
        prop_assert_eq!(&frame[head.size..], &payload[..]);
    }

    #[test]
    fn masking_goes_on_in_the_middle(
        mut payload in prop::collection::vec(any::<u8>(), 0..100),
        key in any::<[u8; 4]>(),
        cut in 0usize..100,
    ) {
        let mut whole = payload.clone();
        mask(&mut whole, key);
        let cut = cut.min(payload.len());
        let (start, end) = payload.split_at_mut(cut);
        mask(start, key);
        mask(end, key_from(key, cut as u64));
        prop_assert_eq!(payload, whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let _ = Head::read(&bytes, Sender::Client);
        let _ = Head::read(&bytes, Sender::Server);
        let _ = check_close(&bytes);
    }
}
