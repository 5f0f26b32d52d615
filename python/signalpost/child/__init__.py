"""The child of a Django worker: a process that runs receivers for the engine, `python -m signalpost.child`.

`docs/django-worker.md` specifies what goes between the two. Here a task goes from `frames` through `child` to the threads of
`crew`, or to the `loop`; its result goes through `results`. What runs stands on the `page`.
"""
