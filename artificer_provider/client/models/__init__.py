"""
What goes over the wire, a file per resource.

Fields are snake_case here and camelCase on the wire; either is taken. Costs are US dollars, moments
:class:`pendulum.DateTime`, names that end in ``_ms`` milliseconds and sizes bytes, unless a field says
otherwise. None is what an engine did not say.
"""
