"""The HTTP API's rules: what a request must look like, who may make it, what is answered.

Nothing here makes clients of AWS; what talks to AWS is handed in by the handlers.
"""
