from launch import boolean


class IfCondition:
    def __init__(self, predicate_expression) -> None:
        self.predicate_expression = predicate_expression

    def evaluate(self, context) -> bool:
        return boolean(self.predicate_expression, context)
