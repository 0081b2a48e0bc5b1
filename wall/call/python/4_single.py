# A plain function.
class Single(Server):
    """Performs a plain function in the main thread, one request at a time."""

    slots = 1

    def __init__(self, *args):
        super().__init__(*args)
        self.lock = threading.Lock()  # held by who reads while a function runs, and to end a run
        self.count = 0  # of runs so far
        self.running = 0  # the number of the run; 0: none
        self.request = 0  # of the run
        self.doomed = 0  # the run whose cancel has come
        self.called = False  # an interrupt was sent to the main thread, and not yet seen there
        self.shielded = True  # an interrupt has to wait
        self.due = False  # one does
        self.parked = False  # the watcher sleeps until something runs
        self.wake = threading.Event()
        self.questions = 0
        self.held = []  # frames that came before their time
        self.main = threading.get_ident()
        self.poll = select.poll()
        self.poll.register(self.inbox.fd, select.POLLIN)

    def serve(self):
        signal.signal(signal.SIGINT, self.interrupted)
        threading.Thread(target=self.watch, name="ganger", daemon=True).start()
        inbox = self.inbox
        while not self.bye:
            frame = self.held.pop(0) if self.held else inbox.next()
            if frame is None:
                return
            kind, request, _, body = frame
            if kind == REQUEST:
                self.perform(request, body)
            elif kind == BYE:
                self.bye = True

    def perform(self, request, body):
        unwanted = False
        while self.inbox.rest:  # what has come already, the watcher will not see
            frame = self.inbox.next()
            if frame and frame[0] == CANCEL and frame[1] == request:
                unwanted = True
            elif frame:
                self.held.append(frame)
        if unwanted:
            self.outbox.send(CANCELLED, b"", request)
            return
        value = self.argument(request, body)
        if not value:
            return
        problem = result = None
        self.count += 1
        self.request, self.questions = request, 0
        self.running = self.count
        if self.parked:
            self.parked = False
            self.wake.set()
        try:
            try:
                self.shielded = False
                result = self.function(value[0])
                self.shielded = True
            except BaseException as e:
                self.shielded = True
                problem = e
        except KeyboardInterrupt as e:  # in between; a run is interrupted but once
            self.shielded = True
            problem = e
        with self.lock:
            self.running = 0
        self.due = False
        if isinstance(problem, SystemExit):
            quit(problem.code)
        if problem is None:
            self.respond(request, result)
        elif self.doomed == self.count:
            self.outbox.send(CANCELLED, b"", request)
        else:
            self.failed(request, problem)

    def watch(self):
        """Looks for a cancel, in a thread of its own, while one function runs long."""
        last = looks = 0
        while not self.bye:
            time.sleep(LOOK)
            now = self.running
            if now == 0 or now != last:
                looks = looks + 1 if now == last else 0
                last = now
                if looks > 50:
                    self.park()
                continue
            self.poll.poll()
            with self.lock:
                if self.running == now and self.poll.poll(0):
                    self.note(self.inbox.next())

    def park(self):
        self.wake.clear()  # first: what comes between the two looks stays
        self.parked = True
        if self.running:
            self.parked = False
            return
        self.wake.wait()

    def note(self, frame):
        """Takes a frame that came while a function runs; with the lock."""
        if frame is None:
            if self.bye:  # after it the end is no news
                return
            os._exit(0)  # the coordinator is gone: nobody wants the answer
        kind, request, _, _ = frame
        if kind == CANCEL and request == self.request and self.doomed != self.running:
            self.doomed = self.running
            self.called = True
            signal.pthread_kill(self.main, signal.SIGINT)  # also out of a sleep
        elif kind == BYE:
            self.bye = True
        elif kind == REQUEST:
            self.held.append(frame)

    def interrupted(self, *_):
        """Handles SIGINT, in the main thread."""
        if not self.called:
            raise KeyboardInterrupt  # somebody else's
        self.called = False
        if self.doomed != self.running:
            return  # too late
        self.due = self.shielded
        if not self.due:
            raise KeyboardInterrupt("the task was cancelled")

    def unshield(self):
        """Ends what must not be interrupted halfway, in the main thread."""
        self.shielded = False
        if self.due:
            self.due = False
            raise KeyboardInterrupt("the task was cancelled")

    def feedback(self, value):
        body = self.said(value)
        if threading.get_ident() != self.main:
            with self.lock:  # or the run might end in between
                self.report(body)
            return
        self.shielded = True
        try:
            self.report(body)
        finally:
            self.unshield()

    def report(self, body):
        if not self.running:
            raise Error("no task runs that could have feedback")
        self.outbox.send(FEEDBACK, body, self.request)

    def ask(self, value):
        body = self.said(value)
        if threading.get_ident() != self.main or not self.running:
            raise Error("only the function itself can ask, in the main thread")
        self.shielded = True
        try:
            with self.lock:
                self.questions += 1
                self.outbox.send(ASK, body, self.request, self.questions)
                while self.doomed != self.running:
                    frame = self.inbox.next()
                    if frame and frame[1:3] == (self.request, self.questions) and frame[0] in (ANSWER, ERROR):
                        return answered(frame[0], frame[3])
                    self.note(frame)
        finally:
            self.unshield()
