# An async function.
class Several(Server):
    """Performs an async function on an event loop, several requests at once."""

    def __init__(self, *args):
        super().__init__(*args)
        import contextvars

        self.tasks = {}  # by request
        self.asked = set()  # requests whose cancel has come
        self.questions = {}  # futures by (request, question)
        self.numbers = {}  # of the last question, by request that has begun
        self.current = contextvars.ContextVar("request", default=0)

    def serve(self):
        loop = events()
        loop.add_reader(self.inbox.fd, self.readable)
        loop.run_forever()

    def readable(self):
        frame = self.inbox.next()
        self.take(frame)
        while frame and self.inbox.rest:
            frame = self.inbox.next()
            self.take(frame)

    def take(self, frame):
        if frame is None:
            events().remove_reader(self.inbox.fd)
            if self.tasks and not self.bye:
                os._exit(0)  # the coordinator is gone: nobody wants the answers
            self.leave()
            return
        kind, request, question, body = frame
        if kind == REQUEST:
            self.tasks[request] = events().create_task(self.perform(request, body))
        elif kind == CANCEL and request in self.tasks:
            self.asked.add(request)
            if request in self.numbers:  # one that has not begun would end without a word
                self.tasks[request].cancel()
        elif kind in (ANSWER, ERROR):
            future = self.questions.pop((request, question), None)
            if future and not future.done():
                future.set_result((kind, body))
        elif kind == BYE:
            self.leave()

    def leave(self):
        self.bye = True
        if not self.tasks:
            events().stop()

    async def perform(self, request, body):
        problem = result = None
        self.numbers[request] = 0
        value = self.argument(request, body)
        if request in self.asked:
            problem = KeyboardInterrupt()
        elif value:
            self.current.set(request)
            try:
                result = await self.function(value[0])
            except SystemExit as e:
                quit(e.code)
            except BaseException as e:
                problem = e
        # The id may come again as soon as the end is sent.
        del self.tasks[request], self.numbers[request]
        asked = request in self.asked
        self.asked.discard(request)
        if not value:
            pass  # it was told
        elif problem is None:
            self.respond(request, result)
        elif asked:
            self.outbox.send(CANCELLED, b"", request)
        else:
            self.failed(request, problem)
        if self.bye and not self.tasks:
            events().stop()

    def feedback(self, value):
        body, request = self.said(value), self.current.get()
        if request not in self.tasks:
            raise Error("no task runs that could have feedback")
        self.outbox.send(FEEDBACK, body, request)

    async def ask(self, value):
        body, request = self.said(value), self.current.get()
        if request not in self.tasks:
            raise Error("no task runs that could ask")
        if sum(r == request for r, _ in self.questions) >= QUESTIONS:
            raise Error("%d questions of this task are unanswered" % QUESTIONS)
        question = self.numbers[request] = self.numbers.get(request, 0) + 1
        future = self.questions[request, question] = events().create_future()
        self.outbox.send(ASK, body, request, question)
        return answered(*await future)
