# What both ways to serve share, and what the function itself can call.
class Server:
    """What both ways to serve share."""

    def __init__(self, function, inbox, outbox, limit):
        self.function, self.inbox, self.outbox, self.limit = function, inbox, outbox, limit
        self.bye = False

    def end(self, kind, body, request):
        if len(body) > self.limit:
            self.fail(request, "the result has %d bytes, and the coordinator takes %d" % (len(body), self.limit), cause="encode")
            return
        self.outbox.send(kind, body, request)

    def fail(self, request, message, trace="", cause=""):
        body = {"message": message[:WORDS], "trace": trace[-WORDS:], "cause": cause}
        self.outbox.send(ERROR, escaped({k: v for k, v in body.items() if v}).encode(), request)

    def failed(self, request, problem):
        self.fail(request, *told(problem))

    def respond(self, request, result):
        try:
            body = b'{"value":%b}' % encoded(result)
        except Exception as e:
            what = e
            if hasattr(result, "__await__"):
                what = "it was awaited by nobody: declare the function, or what decorates it, with async def"
                if hasattr(result, "close"):
                    result.close()  # or Python warns of lines that are ours
            self.fail(request, "the result cannot be written as JSON: %s" % what, cause="encode")
            return
        self.end(RESPONSE, body, request)

    def argument(self, request, body):
        """The value of a request, as a list; none if the request has failed for it."""
        try:
            return [parsed(body)["value"]]
        except Exception as e:
            self.fail(request, "the task cannot be read in Python: %s" % e)
            return []

    def said(self, value):
        body = encoded(value)
        if len(body) > self.limit:
            raise ValueError("this has %d bytes, and the coordinator takes %d" % (len(body), self.limit))
        return body
