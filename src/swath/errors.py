"""Errors a person can act on.

Every error that Swath raises for bad input derives from `SwathError` and its text is one sentence or two: what was
found, what was expected, what to do. The command line prints the text and no traceback.
"""


class SwathError(Exception):
    """Base of all errors raised for a reason the user can mend."""


class OpenError(SwathError):
    """A source cannot be opened, or not without being told something."""


class SensorError(SwathError):
    """A sensor, level or band is unknown or ambiguous."""


class ReadError(SwathError):
    """Pixels cannot be read: the file is truncated, has changed, or is gone."""


class GridError(SwathError):
    """A place, window, extent or CRS does not fit the scene's grid."""


class WriteError(SwathError):
    """A product cannot be written."""


class MatchError(SwathError):
    """A scene does not fit a model's card."""


class CardError(SwathError):
    """A card or a weight file is not valid, or its weights do not fit the network."""


class PredictError(SwathError):
    """A prediction cannot be planned, run or resumed."""


class TrainError(SwathError):
    """A network cannot be trained or evaluated on these labels."""


class DataError(SwathError):
    """Labelled data cannot be recognised, read or split."""


class SwathWarning(UserWarning):
    """Something is odd enough to be said, and not wrong enough to stop."""
