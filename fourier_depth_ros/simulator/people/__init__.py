"""People in rooms: poses and clothes -> person -> inhabitants, where they are -> views of them."""
