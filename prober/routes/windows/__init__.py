"""A Windows device's proxy settings, read from what an administrator can export, and what each component makes of them.

`carriers` read files into a `Device`; `components` say which ways out each component would try; `lints` say what is
odd. All of it is pure: texts and bytes in, values out.
"""
