from launch import boolean, text


class ParameterValue:
    def __init__(self, value, *, value_type=None) -> None:
        if not hasattr(value, "perform") and value_type and not isinstance(value, value_type):
            raise TypeError(f"{value=} is not an instance of {value_type}")
        self.value = value
        self.value_type = value_type

    def evaluate(self, context):
        if self.value_type is bool:
            return boolean(self.value, context)
        return self.value_type(text(self.value, context))
