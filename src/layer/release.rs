/// Replaces a service that is ready, and is not called, by a clone that is not ready.
///
/// A service may reserve a place when it is polled ready, such as a permit of a concurrency limit or a slot of a buffer. It
/// releases the place when it is called or dropped, and a caller may keep its handle indefinitely without doing either.
pub(super) fn release<S: Clone>(service: &mut S) {
    let unready = service.clone();
    drop(std::mem::replace(service, unready));
}
