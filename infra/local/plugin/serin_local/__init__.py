"""What LocalStack lacks to run Serin on one machine, as a LocalStack plugin.

LocalStack's own files stay as they are: everything is added through its entry points and its `patch` helper. Each
module has one concern and says which behaviour of AWS it stands for; `infra/local/README.md` lists them together.
"""
