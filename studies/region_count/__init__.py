"""Into how many regions? The same sites, orders and stock under k balanced regions, k from one nation upwards."""
