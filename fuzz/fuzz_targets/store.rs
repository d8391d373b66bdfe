//! No bytes that another Envoy or the store can have written panic: records of a fleet, notes of
//! rejected configurations, observations, messages of etcd's watch.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdigris::analysis::Observation;
use verdigris::console::Rejections;
use verdigris::fleet::etcd::Watch;
use verdigris::rollout::RampState;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Some((observation, left)) = Observation::decode(rest) {
        let mut encoded = Vec::new();
        observation.encode(&mut encoded);
        assert!(encoded.len() <= rest.len());
        rest = left;
    }
    if let Ok(state) = postcard::from_bytes::<RampState>(bytes) {
        let again = postcard::to_allocvec(&state).unwrap();
        assert!(postcard::from_bytes::<RampState>(&again).is_ok());
    }
    let rejections = Rejections::read(bytes);
    assert_eq!(Rejections::read(&rejections.write()), rejections);
    let _ = Watch::new(b"key".to_vec()).receive(bytes, 0);
});
